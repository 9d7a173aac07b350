package import GatehouseCore
package import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// Who leads logins. Each closure is told the snapshot, the agent and the account, `nil` for the only one.
package struct LoginControl: Sendable {
    package typealias Step = @Sendable (RoutingSnapshot, String, String?) throws(GatehouseError) -> LoginReport

    package var start: Step
    package var status: Step
    package var cancel: Step
    package var submit: @Sendable (RoutingSnapshot, String, String?, Secret) throws(GatehouseError) -> LoginReport

    package init(
        start: @escaping Step, status: @escaping Step, cancel: @escaping Step,
        submit: @escaping @Sendable (RoutingSnapshot, String, String?, Secret) throws(GatehouseError) -> LoginReport
    ) {
        self.start = start
        self.status = status
        self.cancel = cancel
        self.submit = submit
    }
}

/// Where a login is.
package struct LoginReport: Sendable {
    package var agent: String
    package var account: String
    /// `starting`, `waiting`, `verifying`, `succeeded`, `failed`, `cancelled` or `expired`.
    package var state: String
    package var problem: String?
    /// `device` or `code`.
    package var style: String
    package var url: String?
    package var userCode: String?
    package var secondsLeft = 0
    package var isProbed = false

    package init(agent: String, account: String, state: String, style: String) {
        self.agent = agent
        self.account = account
        self.state = state
        self.style = style
    }
}

/// `/api/agents/{name}/login`: logging an agent's account in from elsewhere.
enum LoginRoutes {
    private static let maximumBody = 16 << 10

    static func add(to routes: ControlRoutes, _ control: LoginControl) {
        routes.add(.post, "/api/agents/:name/login", .admin) { request, caller async throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let account = try account(
                in: try await ControlBody.object(request, atMost: maximumBody, known: ["account"]))
            return respond(try control.start(caller.snapshot, agent(request), account), .accepted)
        }
        routes.add(.get, "/api/agents/:name/login", .operator) { request, caller throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let account = request.uri.queryParameters["account"].map { String($0) }
            return respond(try control.status(caller.snapshot, agent(request), account))
        }
        routes.add(.post, "/api/agents/:name/login/code", .admin) { request, caller async throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let body = try await ControlBody.object(request, atMost: maximumBody, known: ["account", "code"])
            guard let code = body["code"]?.string else {
                throw GatehouseError(.missingField, "The field code is missing.", param: "code")
            }
            let account = try account(in: body)
            return respond(try control.submit(caller.snapshot, agent(request), account, Secret(code)))
        }
        routes.add(.post, "/api/agents/:name/login/cancel", .admin) { request, caller async throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let account = try account(
                in: try await ControlBody.object(request, atMost: maximumBody, known: ["account"]))
            return respond(try control.cancel(caller.snapshot, agent(request), account))
        }
    }

    /// The third part of the path.
    private static func agent(_ request: Request) -> String {
        let parts = request.uri.path.split(separator: "/")
        return parts.count > 2 ? String(parts[2]) : ""
    }

    private static func account(in body: JSONValue) throws(GatehouseError) -> String? {
        guard let value = body["account"] else { return nil }
        guard let name = value.string else {
            throw GatehouseError(.invalidValue, "The field account must be the name of an account.", param: "account")
        }
        return name
    }

    private static func respond(_ report: LoginReport, _ status: HTTPResponse.Status = .ok) -> Response {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        let members: [JSONValue.Member] = [
            .init("agent", .string(report.agent)), .init("account", .string(report.account)),
            .init("state", .string(report.state)), .init("problem", text(report.problem)),
            .init("style", .string(report.style)), .init("url", text(report.url)),
            .init("user_code", text(report.userCode)), .init("seconds_left", .int(report.secondsLeft)),
            .init("probed", .bool(report.isProbed)),
        ]
        var response = OperationsRoutes.json(JSONValue.object(members).text, status: status)
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
