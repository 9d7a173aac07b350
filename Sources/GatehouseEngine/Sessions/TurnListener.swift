import GatehouseCore
import NIOCore

/// Hears what the caller of a turn is told, in the caller's own dialect, and knows in the end what was said.
struct TurnListener {
    /// What is said in more is not kept.
    private static let maximum = 8 << 20

    private let dialect: Dialect
    private var decoder: (any StreamDecoder)?
    private var builder = AnswerBuilder()
    private var parts: [Part]?
    /// The native API: the text by itself. Nobody reads its streams otherwise.
    private var text = ""
    private var isBroken = false

    init(_ dialect: Dialect) {
        self.dialect = dialect
    }

    /// A piece of a stream.
    mutating func hear(_ piece: ByteBuffer) {
        guard !isBroken else { return }
        isBroken = max(builder.size, text.utf8.count) > Self.maximum
        guard dialect != .native else {
            for (_, event) in NumberedEvents.split(piece) {
                guard let (name, data) = NumberedEvents.fields(event), name == "text.delta" else { continue }
                text += data["text"]?.string ?? ""
            }
            return
        }
        var heard = decoder ?? dialect.codec.streamDecoder()
        var events: [CanonicalEvent] = []
        do throws(Failure) { try heard.receive(piece, into: &events) } catch { isBroken = true }
        decoder = heard
        for event in events { builder.add(event) }
    }

    /// A whole answer.
    mutating func hear(whole body: ByteBuffer) {
        guard let value = try? JSONValue(parsing: body.readableBytesView) else { return }
        guard dialect != .native else {
            text = value["response"]?.string ?? ""
            return
        }
        parts = try? dialect.codec.decodeResponse(value).parts
    }

    /// What was said, once it is known to be whole; `nil` when it could not be understood.
    mutating func end() -> [Part]? {
        guard !isBroken else { return nil }
        if dialect == .native { return text.isEmpty ? [] : [.text(text)] }
        guard var decoder else { return parts }
        var events: [CanonicalEvent] = []
        // That it is whole is known: not every vendor ends its streams as the dialect has it.
        try? decoder.end(into: &events)
        for event in events { builder.add(event) }
        if builder.response == nil { builder.add(.finished(Finish(.stop))) }
        return builder.response?.parts
    }
}
