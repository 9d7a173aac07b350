import NIOCore

/// A message that is being written to a caller.
struct ResponsesOpenMessage: Sendable {
    let index: Int
    let id: String
    /// Parts that are whole, divided by commas.
    var content = ByteBuffer()
    var parts = 0
    var part: OpenPart?

    struct OpenPart: Sendable {
        let isRefusal: Bool
        /// The members by which each event names the part.
        let place: ByteBuffer
        var text = GrowingText()
        /// Annotations, divided by commas.
        var annotations = ByteBuffer()
        var annotationCount = 0
    }

    init(index: Int, call: String) {
        self.index = index
        id = ResponsesID.message(call, index)
    }

    mutating func openPart(isRefusal: Bool) {
        var place = ByteBuffer()
        place.writeMember("item_id", id)
        place.writeMember("output_index", index)
        place.writeMember("content_index", parts)
        part = OpenPart(isRefusal: isRefusal, place: place)
    }

    /// The whole item.
    func json(status: StaticString) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"id":"#)
        JSONText.write(id, to: &json)
        json.writeStaticString(#","type":"message","status":""#)
        json.writeStaticString(status)
        json.writeStaticString(#"","role":"assistant","content":["#)
        json.writeImmutableBuffer(content)
        json.writeStaticString("]}")
        return json
    }
}

extension ResponsesOpenMessage.OpenPart {
    /// The whole part.
    var json: ByteBuffer {
        var json = ByteBuffer()
        if isRefusal {
            json.writeStaticString(#"{"type":"refusal""#)
            json.writeMember("refusal", text)
        } else {
            json.writeStaticString(#"{"type":"output_text","annotations":["#)
            json.writeImmutableBuffer(annotations)
            json.writeStaticString(#"],"logprobs":[]"#)
            json.writeMember("text", text)
        }
        json.writeStaticString("}")
        return json
    }
}

/// Thoughts that are being written to a caller, as the one piece of a summary.
struct ResponsesOpenReasoning: Sendable {
    let index: Int
    let id: String
    /// The members by which each event names the piece.
    let place: ByteBuffer
    var text = GrowingText()

    init(index: Int, call: String) {
        self.index = index
        id = ResponsesID.reasoning(call, index)
        var place = ByteBuffer()
        place.writeMember("item_id", id)
        place.writeMember("output_index", index)
        place.writeMember("summary_index", 0)
        self.place = place
    }

    /// The piece of the summary.
    func piece(isEmpty: Bool) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"type":"summary_text""#)
        json.writeMember("text", isEmpty ? GrowingText() : text)
        json.writeStaticString("}")
        return json
    }

    /// The whole item, as it begins or as it ends.
    func json(isBeginning: Bool, encrypted: String?) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"id":"#)
        JSONText.write(id, to: &json)
        json.writeStaticString(#","type":"reasoning","summary":["#)
        if !isBeginning { json.writeImmutableBuffer(piece(isEmpty: false)) }
        json.writeStaticString("]")
        if let encrypted { json.writeMember("encrypted_content", encrypted) }
        json.writeStaticString("}")
        return json
    }
}

/// A call of a function that is being written to a caller.
struct ResponsesOpenCall: Sendable {
    let id: String
    let name: String
    var isCustom = false
    var arguments = GrowingText()
    var signature: Signature?
    /// What came with the call's beginning, until it is clear what kind of call it is.
    var held = ""
    /// Set once the item is announced.
    var place: Place?

    struct Place: Sendable {
        let index: Int
        let item: String
        /// The members by which each event names the item.
        let members: ByteBuffer
    }

    init(id: String, name: String) {
        self.id = id
        self.name = name
    }

    mutating func announce(index: Int, call: String) {
        let item = isCustom ? ResponsesID.custom(call, index) : ResponsesID.function(call, index)
        var members = ByteBuffer()
        members.writeMember("item_id", item)
        members.writeMember("output_index", index)
        place = Place(index: index, item: item, members: members)
    }

    /// The whole item, as it begins or as it ends.
    func json(isBeginning: Bool) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"id":"#)
        JSONText.write(place?.item ?? "", to: &json)
        json.writeMember("type", isCustom ? "custom_tool_call" : "function_call")
        json.writeMember("status", isBeginning ? "in_progress" : "completed")
        json.writeMember("call_id", id)
        json.writeMember("name", name)
        json.writeMember(isCustom ? "input" : "arguments", isBeginning ? GrowingText() : arguments)
        json.writeStaticString("}")
        return json
    }
}
