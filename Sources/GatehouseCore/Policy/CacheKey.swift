package import NIOCore

/// Everything that an answer depends on, written in one way: two requests have the same key only if they ask the same for the
/// same tenant of the same targets.
///
/// The key is that text itself and no digest of it, so that no two requests can ever share one by accident. Space between
/// tokens and the order of the outermost members say nothing to a model and are left out; all else is kept as it was
/// written, also the order within tools and schemas, and `1` is not `1.0`.
package struct CacheKey: Sendable, Hashable {
    package let bytes: ByteBuffer

    /// - Parameters:
    ///   - tenant: Whose answers it may be.
    ///   - context: What the answer depends on beside the body: the operation, the plan, headers that reach the target.
    ///   - body: The request.
    package init(tenant: String, context: [String], body: JSONValue) {
        var writer = JSONWriter()
        writer.beginArray()
        writer.string(tenant)
        for part in context { writer.string(part) }
        guard case .object(let members) = body else {
            writer.value(body)
            writer.endArray()
            bytes = writer.buffer
            return
        }
        writer.beginObject()
        for member in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            writer.key(member.key)
            writer.value(member.value)
        }
        writer.endObject()
        writer.endArray()
        bytes = writer.buffer
    }

    package var size: Int { bytes.readableBytes }
}

/// What a caller wants of the cache (`X-Gatehouse-Cache`).
package enum CacheWish: String, Sendable, CaseIterable {
    /// Neither an answer from it nor one for it.
    case noStore = "no-store"
    /// A new answer, which is kept.
    case refresh
    case onlyIfCached = "only-if-cached"
}

/// What the cache had to do with an answer.
package enum CacheOutcome: String, Sendable, CaseIterable {
    case hit, miss, bypass
}

extension JSONValue {
    /// Whether a request can be answered from a cache: nothing that it names outlives it, and, unless `tools` may be used,
    /// nobody acts on its answer.
    package func isCacheable(tools: Bool) -> Bool {
        guard case .object(let members) = self else { return false }
        return members.allSatisfy { member in
            switch member.key {
            case "previous_response_id", "conversation", "background", "session_id", "files", "container": false
            // Answers that are kept have ids that callers go on from.
            case "store": member.value.bool == false || member.value == .null
            case "tools", "functions", "toolConfig", "tool_config", "mcp_servers", "web_search_options", "plugins":
                tools || member.value == .null || member.value.array?.isEmpty == true
            default: true
            }
        }
    }
}
