package import NIOCore

/// What was said up to an answer, and the request that goes on from it.
///
/// The vendor keeps answers and lets a request name one as `previous_response_id`. When the target is not where that
/// answer is kept, this gateway sends what was said instead. `instructions` of the earlier request are not carried
/// over, as the vendor documents.
package enum ResponsesHistory {
    /// Whether this gateway gave that id to an answer; any other belongs to the vendor that gave it.
    package static func isMade(_ id: String) -> Bool { id.hasPrefix(ResponsesID.madeResponse) }

    /// The id of the answer to a call.
    package static func id(of identity: AnswerIdentity) -> String { ResponsesID.response(identity.call) }

    /// The items that a request says, as JSON that `whole(_:with:)` ends.
    ///
    /// - Throws: `invalid_value` when `input` is neither a string nor an array.
    package static func said(in body: JSONValue) throws(GatehouseError) -> ByteBuffer {
        var writer = JSONWriter()
        writer.value(.array(try items(body["input"] ?? .null)))
        var buffer = writer.buffer
        // The closing bracket comes with the answer.
        buffer.moveWriterIndex(to: buffer.writerIndex - 1)
        return buffer
    }

    /// A conversation to keep: what `said(in:)` gave, the items of the answer, each of them JSON, and the rest of it.
    package static func whole(_ said: ByteBuffer, with output: [ByteBuffer], summary: ByteBuffer?) -> ByteBuffer {
        var buffer = ByteBuffer(string: #"{"items":"#)
        let start = buffer.writerIndex
        buffer.writeImmutableBuffer(said)
        for item in output {
            if buffer.writerIndex > start + 1 { buffer.writeStaticString(",") }
            buffer.writeImmutableBuffer(item)
        }
        buffer.writeStaticString("]")
        buffer.writeMember("output", output.count)
        if let summary { buffer.writeMember("answer", json: summary) }
        buffer.writeStaticString("}")
        return buffer
    }

    /// The items of a conversation that was kept. Those of sessions, and of earlier versions, are nothing but items.
    package static func items(ofKept conversation: JSONValue) -> [JSONValue]? {
        conversation.array ?? conversation["items"]?.array
    }

    /// The answer that a kept conversation ended with, as its caller got it, and the items that it answers; `nil` where
    /// only the conversation is kept.
    package static func answer(ofKept conversation: JSONValue) -> (answer: JSONValue, asked: [JSONValue])? {
        guard let items = items(ofKept: conversation), let summary = conversation["answer"]?.object,
            let count = conversation["output"]?.count, count <= items.count
        else { return nil }
        let output = JSONValue.Member("output", .array(Array(items.suffix(count))))
        return (.object(summary + [output]), Array(items.dropLast(count)))
    }

    /// The body with a kept conversation before its own `input`, without `previous_response_id`.
    ///
    /// - Throws: `invalid_value` when `input` of the new request is neither a string nor an array.
    package static func join(_ conversation: [JSONValue], into body: JSONValue) throws(GatehouseError) -> JSONValue {
        guard case .object(var members) = body else { throw JSONFields.invalid("body", "must be an object") }
        let items = conversation.compactMap(portable) + (try self.items(body["input"] ?? .null))
        members.removeAll { $0.key == "previous_response_id" }
        if let place = members.firstIndex(where: { $0.key == "input" }) {
            members[place].value = .array(items)
        } else {
            members.append(.init("input", .array(items)))
        }
        return .object(members)
    }

    private static func items(_ input: JSONValue) throws(GatehouseError) -> [JSONValue] {
        switch input {
        case .null: []
        case .string(let text):
            [.object(["type": .string("message"), "role": .string("user"), "content": .string(text)])]
        case .array(let items): items
        default: throw JSONFields.invalid("input", "must be a string or an array")
        }
    }

    /// The item as another target can read it.
    ///
    /// Reasoning without its encrypted content is only a name of what its vendor keeps, and so is a reference. The ids
    /// of other items go too: a vendor that knows one wants the reasoning that belongs to it.
    private static func portable(_ item: JSONValue) -> JSONValue? {
        switch item["type"]?.string {
        case "reasoning": return item["encrypted_content"]?.string == nil ? nil : item
        case "item_reference": return nil
        case "message", "function_call", "custom_tool_call", "function_call_output", "custom_tool_call_output":
            return .object(item.members(except: ["id"]))
        case .none: return item["role"] == nil ? nil : .object(item.members(except: ["id"]))
        default: return item
        }
    }
}
