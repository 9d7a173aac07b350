package import GatehouseCore
package import NIOCore

/// How runs are shown.
package enum RunDocument {
    /// - Parameter events: All that is known of it: the answer is put together from them.
    package static func value(_ record: RunRecord, _ events: [ByteBuffer]) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(record.id)), .init("status", .string(record.status.rawValue)),
            .init("model", .string(record.model)), .init("created_at", .int(record.created)),
            .init("ended_at", record.ended.map { .int($0) } ?? .null),
            .init("session_id", record.session.map { .string($0) } ?? .null),
            .init("events", .string("/api/runs/\(record.id)/events")), .init("last_event", .int(record.last)),
        ]
        members += answer(events)
        return .object(members)
    }

    private static func answer(_ events: [ByteBuffer]) -> [JSONValue.Member] {
        var (text, reasoning) = ("", "")
        var rest: [JSONValue.Member] = []
        for event in events {
            guard let (name, data) = NumberedEvents.fields(event) else { continue }
            switch name {
            case "text.delta": text += data["text"]?.string ?? ""
            case "reasoning.delta": reasoning += data["text"]?.string ?? ""
            case "finished", "failed":
                for member in data.object ?? [] where ["stop", "usage", "cost", "error"].contains(member.key) {
                    rest.append(member)
                }
            default: break
            }
        }
        if !reasoning.isEmpty { rest.insert(.init("reasoning", .string(reasoning)), at: 0) }
        if !text.isEmpty { rest.insert(.init("response", .string(text)), at: 0) }
        return rest
    }
}
