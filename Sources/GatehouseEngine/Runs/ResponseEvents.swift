package import GatehouseCore
package import NIOCore

/// Responses that go on without their callers: their events, as runs keep them, and what can be read from those.
///
/// Event number `n` of the run has the sequence number `n - 1`.
package enum ResponseEvents {
    /// The answer before anything is known of it.
    static func queued(
        _ asked: JSONValue, _ letters: String, model: String, created: Int
    ) -> (id: String, value: JSONValue) {
        let identity = AnswerIdentity(call: letters, model: model, created: created)
        let id = ResponsesHistory.id(of: identity)
        var members: [JSONValue.Member] = [
            .init("id", .string(id)), .init("object", .string("response")), .init("created_at", .int(created)),
            .init("model", .string(model)), .init("status", .string("queued")),
        ]
        members += ResponsesEcho.members(of: asked).filter { !["background", "store"].contains($0.key) }
        members += [
            .init("background", .bool(true)), .init("store", .bool(true)), .init("error", .null),
            .init("incomplete_details", .null), .init("output", .array([])), .init("usage", .null),
        ]
        return (id, .object(members))
    }

    static func write(_ number: Int, _ type: String, response: JSONValue) -> ByteBuffer {
        write(number, type, [.init("response", response)])
    }

    static func write(_ number: Int, _ type: String, _ members: [JSONValue.Member]) -> ByteBuffer {
        let head: [JSONValue.Member] = [.init("type", .string(type)), .init("sequence_number", .int(number - 1))]
        return NumberedEvents.write(number, type, .object(head + members))
    }

    /// An answer that will not come.
    static func failed(_ response: JSONValue, status: String, _ error: JSONValue) -> JSONValue {
        .object(
            response.members(except: ["status", "error"]) + [
                .init("status", .string(status)), .init("error", error),
            ])
    }

    /// The last event of a response whose gateway ended under it.
    static func interruption(_ number: Int) -> ByteBuffer {
        write(
            number, "error",
            [
                .init("code", .string(RunService.interrupted.code.rawValue)),
                .init("message", .string(RunService.interrupted.message)), .init("param", .null),
            ])
    }

    /// The response as far as it is known.
    ///
    /// - Parameter events: All that is known of it.
    package static func document(_ record: RunRecord, _ events: [ByteBuffer]) -> JSONValue {
        var response = queued(.object([JSONValue.Member]()), "", model: record.model, created: record.created).value
        response = .object([.init("id", .string(record.id))] + response.members(except: ["id"]))
        for event in events {
            guard let (_, data) = NumberedEvents.fields(event), let told = data["response"] else { continue }
            response = told
        }
        switch record.status {
        case .running, .finished: return response
        case .cancelled: return failed(response, status: "cancelled", .null)
        case .failed, .interrupted:
            if let error = response["error"], !error.isNull { return failed(response, status: "failed", error) }
            return failed(response, status: "failed", ResponsesErrorBody.failed(RunService.interrupted))
        }
    }
}
