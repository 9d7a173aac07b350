import GatehouseCore
import GatehouseEngine
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Who may use a route of the control plane.
enum Access: String, Sendable {
    /// Anybody: only what tells nothing.
    case open
    /// Any valid key; that of a viewer only to look.
    case member
    /// A key of an administrator or an operator; that of a viewer only to look.
    case admin
    /// A key of an administrator or an operator, even to look.
    case `operator`
}

/// The table of the control plane's routes. A route gets into the router through `add` only, and `add` demands to be told
/// who may use it.
struct ControlRoutes {
    typealias Handler = @Sendable (Request, Caller?) async throws(GatehouseError) -> Response

    /// Who called, and with which snapshot.
    struct Caller: Sendable {
        let principal: Principal
        let snapshot: RoutingSnapshot
        /// Where it calls from, behind proxies that are trusted.
        let address: IPAddress?

        /// Charges a request to the limits of its key and of those it belongs to.
        func pass(_ limiter: RateLimiter, route: String, _ work: RateLimitQuery.Work) throws(GatehouseError) {
            guard principal.rateLimit != nil || !snapshot.limits.isEmpty else { return }
            var query = RateLimitQuery(principal.key, route: route, work)
            if snapshot.limits.watchesAddresses { query.address = address.map(\.description) }
            do throws(RateLimitRefusal) {
                _ = try limiter.admit(query, snapshot.limits, now: .now())
            } catch {
                throw error.error
            }
        }
    }

    let router = Router(context: ControlContext.self)
    let table = RouteTable()
    private let snapshots: SnapshotHolder
    private let limiter: RateLimiter
    private let trusted: [AddressRange]

    /// - Parameter trusted: Proxies whose word on where a request comes from is taken.
    init(snapshots: SnapshotHolder, limiter: RateLimiter, trusted: [AddressRange] = []) {
        self.snapshots = snapshots
        self.limiter = limiter
        self.trusted = trusted
        // Before the routes: a middleware covers what is added behind it.
        router.add(middleware: EnvelopeMiddleware(table: table))
    }

    /// - Parameter work: What limits count a request as.
    func add(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, _ work: RateLimitQuery.Work = .control,
        _ handler: @escaping Handler
    ) {
        table.add(RouteTable.Row(method: method, path: path, access: access))
        router.on(RouterPath(path), method: method) { [snapshots, limiter, trusted] request, context in
            do throws(GatehouseError) {
                guard access != .open else { return try await handler(request, nil) }
                let address = CallerAddress.of(
                    peer: context.peer, forwarded: request.headers[values: Self.forwarded], trusted: trusted)
                let caller = try Self.admit(request, access, snapshots.snapshot, address)
                try caller.pass(limiter, route: path, work)
                return try await handler(request, caller)
            } catch {
                return ErrorResponse.render(error, for: request, context)
            }
        }
    }

    private static let forwarded = HTTPField.Name("x-forwarded-for") ?? .via

    /// Checks the key that a route needs.
    private static func admit(
        _ request: Request, _ access: Access, _ snapshot: RoutingSnapshot, _ address: IPAddress?
    ) throws(GatehouseError) -> Caller {
        guard let token = token(of: request), let principal = snapshot.keys.principal(forToken: token) else {
            throw .unknownKey
        }
        if principal.isConfined {
            let isReading = [.get, .head, .options].contains(request.method)
            try principal.admit(
                .init(path: request.uri.path[...], isReading: isReading, address: address, now: Glibc.time(nil)))
        }
        switch access {
        case .open, .member: break
        case .admin where principal.seesAll, .operator where principal.mayAdminister: break
        case .admin, .operator: throw GatehouseError(.permissionDenied, "This route needs an admin key.")
        }
        return Caller(principal: principal, snapshot: snapshot, address: address)
    }

    private static func token(of request: Request) -> Substring? {
        if let value = request.headers[.authorization] {
            guard value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else { return nil }
            return value.dropFirst(7)
        }
        for name in ["x-api-key", "x-goog-api-key"] {
            if let value = HTTPField.Name(name).flatMap({ request.headers[$0] }) { return value[...] }
        }
        return nil
    }
}

/// The rows of the routes, shared with the middleware that explains what a path would take.
final class RouteTable: Sendable {
    struct Row: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let access: Access
    }

    private let rows = Mutex<[Row]>([])

    func add(_ row: Row) {
        rows.withLock { $0.append(row) }
    }

    var all: [Row] { rows.withLock { $0 } }

    /// The methods that exist for a path without wildcards.
    func methods(of path: String) -> [String] {
        rows.withLock { rows in rows.filter { $0.path == path }.map(\.method.rawValue) }
    }
}

/// In whose shape a route of the control plane answers: Gemini's with `x-goog-api-key` or below `/v1beta`, Anthropic's
/// with `anthropic-version`, else OpenAI's.
enum CallerShape {
    static func of(_ request: Request) -> Dialect {
        if request.uri.path.hasPrefix("/v1beta/") || has("x-goog-api-key", request) { return .gemini }
        if request.uri.path.hasPrefix("/api/") { return .native }
        return has("anthropic-version", request) ? .anthropic : .openAIChat
    }

    private static func has(_ name: String, _ request: Request) -> Bool {
        HTTPField.Name(name).map { request.headers.contains($0) } ?? false
    }
}

/// Errors of the control plane, in the shape of whoever asks.
enum ErrorResponse {
    static func render(_ error: GatehouseError, for request: Request, _ context: ControlContext) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        if let seconds = error.retryAfter { headers[.retryAfter] = String(seconds) }
        let body = CallerShape.of(request).codec.render(
            error, requestID: id(request, context), time: Glibc.time(nil))
        return Response(
            status: HTTPResponse.Status(code: error.code.status), headers: headers,
            body: ResponseBody(byteBuffer: body))
    }

    /// The caller's own id of the request where it can stand in a log, else one of ours.
    static func id(_ request: Request, _ context: ControlContext) -> String {
        let given = HTTPField.Name("x-request-id").flatMap { request.headers[$0] }
        return given.flatMap { RequestIDGenerator.accepts($0) ? $0 : nil } ?? "req_" + context.id
    }
}
