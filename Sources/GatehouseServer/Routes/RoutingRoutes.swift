import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// What the operator sees of routing: deployments with their breakers, keys and queues, and why a call goes where it goes.
enum RoutingRoutes {
    private static let maximumBody = 4 << 20

    static func add(to routes: ControlRoutes, memory: CallMemory) {
        routes.add(.get, "/admin/api/deployments", .admin) { _, caller throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            return OperationsRoutes.json(list(caller.snapshot.resilience).text)
        }
        routes.add(.post, "/admin/api/deployments/reset", .admin) { request, caller async throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let body = try await document(request)
            let reset = try reset(body, caller.snapshot.resilience)
            return OperationsRoutes.json(JSONValue.object([.init("reset", .array(reset.map { .string($0) }))]).text)
        }
        routes.add(.post, "/admin/api/routes/explain", .admin) { request, caller async throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let call = try call(try await document(request), caller)
            return OperationsRoutes.json(try RouteExplanation(call, memory: memory, now: .now()).document.text)
        }
    }

    private static func document(_ request: Request) async throws(GatehouseError) -> JSONValue {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: maximumBody)
        } catch {
            throw GatehouseError(.bodyTooLarge, "The body is larger than \(maximumBody) bytes, or broke off.")
        }
        do {
            let value = try JSONValue(parsing: bytes.readableBytesView)
            guard value.object != nil else {
                throw GatehouseError(.invalidJSON, "The body must be a JSON object.")
            }
            return value
        } catch let error as GatehouseError {
            throw error
        } catch {
            throw GatehouseError(.invalidJSON, "The body cannot be read as JSON.")
        }
    }

    // MARK: Deployments

    private static func list(_ resilience: Resilience) -> JSONValue {
        let now = Instant.now()
        return .object([
            .init(
                "deployments",
                .array(
                    resilience.deployments.map { deployment in
                        let names: [JSONValue.Member] = [
                            .init("provider", .string(deployment.name.provider)),
                            .init("model", .string(deployment.name.model)),
                        ]
                        return .object(names + deployment.status(now: now).members(now: now))
                    })),
            .init("keys", .array(resilience.providerKeys.flatMap { keys($0, now) })),
            .init("retry_budget_remaining", .int(resilience.remainingTries(now: now))),
            .init("drains", .int(resilience.runningDrains)),
        ])
    }

    private static func keys(_ keys: ProviderKeys, _ now: Instant) -> [JSONValue] {
        keys.names.enumerated().filter { !$0.element.isEmpty }.map { index, name in
            .object([
                .init("provider", .string(keys.provider)), .init("key", .string(name)),
                .init("state", .string(keys.isRetired(index, now: now) ? "refused" : "usable")),
            ])
        }
    }

    /// Forgets what speaks against deployments and their provider's keys: of one model, of a provider, or of all.
    private static func reset(_ body: JSONValue, _ resilience: Resilience) throws(GatehouseError) -> [String] {
        for member in body.object ?? [] where member.key != "provider" && member.key != "model" {
            throw GatehouseError(
                .unknownParameter, "There is no field \(member.key); provider and model are known.", param: member.key)
        }
        let provider = body["provider"]?.string
        let model = body["model"]?.string
        guard provider != nil || model == nil else {
            throw GatehouseError(.missingField, "The field provider is missing.", param: "provider")
        }
        let found = resilience.deployments.filter {
            (provider == nil || $0.name.provider == provider) && (model == nil || $0.name.model == model)
        }
        guard provider == nil || !found.isEmpty else {
            throw GatehouseError(.notFound, "There is no such deployment. GET /admin/api/deployments lists them.")
        }
        for deployment in found { deployment.reset() }
        for keys in resilience.providerKeys where provider == nil || keys.provider == provider { keys.reset() }
        return found.map { "\($0.name.provider)/\($0.name.model)" }
    }

    // MARK: Explaining

    /// The call that a body describes: `path`, `headers`, `key` and `body`.
    private static func call(
        _ description: JSONValue, _ caller: ControlRoutes.Caller
    ) throws(GatehouseError) -> CallRequest {
        for member in description.object ?? [] where !["path", "headers", "key", "body"].contains(member.key) {
            throw GatehouseError(
                .unknownParameter, "There is no field \(member.key); path, headers, key and body are known.",
                param: member.key)
        }
        guard let body = description["body"], body.object != nil else {
            throw GatehouseError(.missingField, "The field body must be the request to explain.", param: "body")
        }
        let uri = description["path"]?.string ?? "/v1/chat/completions"
        let path = uri.prefix { $0 != "?" }
        guard let match = try DataPlaneRoutes.match(path, uri: uri) else {
            throw GatehouseError(.invalidValue, "The field path must be a route of the data plane.", param: "path")
        }
        let name = description["key"]?.string ?? caller.principal.name
        let call = CallRequest(
            id: "explain", operation: match.operation,
            principal: Principal(key: VirtualKey(name: name, role: .member, models: [ModelPattern("*")])),
            snapshot: caller.snapshot, body: ByteBuffer(string: body.text), start: .now())
        call.target = match.target
        for header in description["headers"]?.object ?? [] {
            guard let value = header.value.string else { continue }
            let lower = header.key.lowercased()
            if lower == "x-session-id" { call.session = value }
            call.headers.append(.init(name: lower, value: value))
        }
        return call
    }
}

extension Deployment.Status {
    /// Its members in the answers of the admin API.
    fileprivate func members(now: Instant) -> [JSONValue.Member] {
        var state = "closed"
        var opens: JSONValue = .null
        switch breaker {
        case .closed: break
        case .halfOpen: state = "half_open"
        case .open(let until):
            state = "open"
            opens = .int((until - now).retryAfter)
        }
        return [
            .init("breaker", .string(state)), .init("half_open_in_seconds", opens), .init("in_flight", .int(inFlight)),
            .init("queued", .int(queued)), .init("limit", .int(limit)),
            .init(
                "keys_rest_seconds",
                .array(
                    keys.map { state in
                        if case .resting(let until, _) = state { .int((until - now).retryAfter) } else { .int(0) }
                    })),
        ]
    }
}

extension RouteExplanation {
    fileprivate var document: JSONValue {
        let now = Instant.now()
        return .object([
            .init("strategy", .string(plan.settings.strategy.rawValue)),
            .init("sticky", .string(isSticky ? plan.settings.stickiness.rawValue : "none")),
            .init("retries", .int(plan.settings.retries)),
            .init("targets", .array(targets.map { $0.value(now) })),
        ])
    }
}

extension RouteExplanation.Target {
    fileprivate func value(_ now: Instant) -> JSONValue {
        .object(
            [
                .init("provider", .string(provider)), .init("model", .string(model)),
                .init("role", .string(isFallback ? "fallback" : "target")), .init("verdict", .string(verdict.rawValue)),
                .init("reason", reason.map { .string($0) } ?? .null),
                .init("dropped_params", .array(dropped.map { .string($0) })),
            ] + status.members(now: now))
    }
}
