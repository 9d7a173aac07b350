import NIOCore

/// Writes the chunks of streams of the OpenAI family.
struct OpenAIChunkWriter: Sendable {
    private let dialect: Dialect
    /// `data: {"id":…,"object":…,"created":…,"model":…,` the same in every chunk.
    private let prefix: ByteBuffer

    init(id: String, object: StaticString, identity: AnswerIdentity, dialect: Dialect) {
        self.dialect = dialect
        var buffer = ByteBuffer()
        buffer.writeStaticString(#"data: {"id":"#)
        JSONText.write(id, to: &buffer)
        buffer.writeStaticString(#","object":""#)
        buffer.writeStaticString(object)
        buffer.writeString(#"","created":\#(identity.created),"model":"#)
        JSONText.write(identity.model, to: &buffer)
        buffer.writeStaticString(",")
        prefix = buffer
    }

    func open(_ buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(prefix) }

    func close(_ buffer: inout ByteBuffer) { buffer.writeStaticString("\n\n") }

    /// A chunk with one choice, whose `delta` has the members that `body` writes.
    func delta(to buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        open(&buffer)
        buffer.writeStaticString(#""choices":[{"index":0,"delta":{"#)
        body(&buffer)
        buffer.writeStaticString(#"},"logprobs":null,"finish_reason":null}]}"#)
        close(&buffer)
    }

    /// A chunk whose delta has one member with a text.
    func delta(_ key: StaticString, _ text: String, to buffer: inout ByteBuffer) {
        delta(to: &buffer) { delta in
            delta.writeStaticString(key)
            JSONText.write(text, to: &delta)
        }
    }

    /// A chunk whose delta has these members.
    func delta(_ members: [JSONValue.Member], to buffer: inout ByteBuffer) {
        delta(to: &buffer) { delta in
            for (index, member) in members.enumerated() {
                if index > 0 { delta.writeStaticString(",") }
                JSONText.write(member.key, to: &delta)
                delta.writeStaticString(":")
                var writer = JSONWriter(appendingTo: delta)
                writer.value(member.value)
                delta = writer.buffer
            }
        }
    }

    /// The usage, in a chunk without choices.
    func usage(_ usage: Usage, to buffer: inout ByteBuffer) {
        open(&buffer)
        buffer.writeStaticString(#""choices":[],"usage":"#)
        OpenAIUsage.write(usage, in: dialect, to: &buffer)
        buffer.writeStaticString("}")
        close(&buffer)
    }

    func done(to buffer: inout ByteBuffer) { buffer.writeStaticString("data: [DONE]\n\n") }
}
