import GatehouseCore
import Hummingbird
import NIOCore

/// Bodies of the control plane's requests.
enum ControlBody {
    /// The members of a JSON object; no body is an empty one.
    ///
    /// - Throws: `body_too_large`, `invalid_json`, and `unknown_parameter` for a member that is none of `known`. Nothing that
    ///   cannot be read is told: it may hold a secret.
    static func object(
        _ request: Request, atMost limit: Int, known: [String]
    ) async throws(GatehouseError) -> JSONValue {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: limit)
        } catch {
            throw GatehouseError(.bodyTooLarge, "The body is larger than \(limit) bytes, or broke off.")
        }
        guard bytes.readableBytes > 0 else { return .object([]) }
        guard let value = try? JSONValue(parsing: bytes.readableBytesView), let members = value.object else {
            throw GatehouseError(.invalidJSON, "The body must be a JSON object.")
        }
        for member in members where !known.contains(member.key) {
            throw GatehouseError(
                .unknownParameter, "There is no such field; \(known.joined(separator: " and ")) are known.",
                param: String(member.key.prefix(64)))
        }
        return value
    }
}
