import GatehouseCore
import NIOCore

/// A message of JSON-RPC 2.0, as one line holds it.
enum RPCMessage: Sendable, Equatable {
    /// `id` as we gave it.
    case result(id: Int, JSONValue)
    case error(id: Int, RPCError)
    /// Something asked of us; `id` is the other side's and given back as it came.
    case request(id: JSONValue, method: String, params: JSONValue)
    case notification(method: String, params: JSONValue)

    /// `nil` for what is none: notices that programs print between their messages, and answers to ids that we never gave.
    init?(_ line: ByteBuffer) {
        guard let value = JSONValue(agentLine: line) else { return nil }
        let params = value["params"] ?? .object([])
        if let method = value["method"]?.string {
            guard let id = value["id"], !id.isNull else {
                self = .notification(method: method, params: params)
                return
            }
            self = .request(id: id, method: method, params: params)
            return
        }
        guard let id = value["id"]?.int else { return nil }
        if let error = value["error"], !error.isNull {
            self = .error(id: id, RPCError(error))
        } else {
            self = .result(id: id, value["result"] ?? .null)
        }
    }
}

struct RPCError: Sendable, Equatable {
    static let methodNotFound = -32601
    var code: Int
    var message: String

    init(_ value: JSONValue) {
        code = value["code"]?.int ?? 0
        let details = [value["data"]?.text("details"), value["data"]?.text("message"), value["data"]?.string]
        message = ([value.text("message")] + details).compactMap(\.self).joined(separator: ": ").bounded
    }

    /// Its class, by its code where a protocol gives that a meaning, else by its words.
    func failure(_ clock: WallClock, codes: [Int: Failure.Kind] = [:]) -> Failure {
        let detail = "error \(code): \(message)".bounded
        if let kind = codes[code] { return Failure(kind, detail: detail) }
        var failure = FailureText.classify(message, clock: clock, fallback: .failed)
        failure.detail = detail
        return failure
    }
}

/// Makes our own messages.
struct RPCWriter: Sendable {
    /// Codex leaves the member `jsonrpc` out.
    var hasVersion = true
    private var lastID = 0

    init(hasVersion: Bool = true) {
        self.hasVersion = hasVersion
    }

    mutating func request(_ method: String, _ params: JSONValue) -> (id: Int, DriverAction) {
        lastID += 1
        let id = JSONValue.number(String(lastID))
        return (lastID, message([.init("id", id), .init("method", .string(method)), .init("params", params)]))
    }

    func notification(_ method: String, _ params: JSONValue? = nil) -> DriverAction {
        var members = [JSONValue.Member("method", .string(method))]
        if let params { members.append(.init("params", params)) }
        return message(members)
    }

    func result(_ id: JSONValue, _ result: JSONValue) -> DriverAction {
        message([.init("id", id), .init("result", result)])
    }

    func methodNotFound(_ id: JSONValue, _ method: String) -> DriverAction {
        message([
            .init("id", id),
            .init(
                "error",
                .object([
                    .init("code", .number(String(RPCError.methodNotFound))),
                    .init("message", .string("\(method.bounded) is not offered")),
                ])),
        ])
    }

    private func message(_ members: [JSONValue.Member]) -> DriverAction {
        let version = JSONValue.Member("jsonrpc", .string("2.0"))
        return .write(.object(hasVersion ? [version] + members : members))
    }
}

extension JSONValue {
    /// A line that an agent printed, when it is a JSON object.
    init?(agentLine line: ByteBuffer) {
        guard line.readableBytesView.first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "{"),
            let value = try? JSONValue(parsing: line.readableBytesView, limits: .lenient)
        else { return nil }
        self = value
    }
}
