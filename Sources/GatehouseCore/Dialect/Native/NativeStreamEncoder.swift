import NIOCore

/// Writes a stream of the native API: one typed, numbered event for each thing that happened. `finished` or `failed` comes
/// last; a stream without either was cut.
struct NativeStreamEncoder: StreamEncoder {
    private let identity: AnswerIdentity
    private var number = 0
    private var isStarted = false
    private var isOver = false

    init(as identity: AnswerIdentity) { self.identity = identity }

    mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        if case .started(let start) = event { return writeStart(start, to: &buffer) }
        writeStart(AnswerStart(), to: &buffer)
        switch event {
        case .textDelta(let text): write("text.delta", text, to: &buffer)
        case .reasoningDelta(let text): write("reasoning.delta", text, to: &buffer)
        case .refusalDelta(let text): write("refusal.delta", text, to: &buffer)
        case .citation(let citation): write("citation", Self.value(of: citation), to: &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            write(
                "tool_call.delta",
                .object([
                    "index": .int(index), "id": id.map { .string($0) }, "name": name.map { .string($0) },
                    "arguments": .string(arguments),
                ]), to: &buffer)
        case .part(let part):
            if let value = NativeResponseCodec.value(of: part) { write("part", value, to: &buffer) }
        case .toolStarted(let id, let name, let input):
            let members: JSONValue = .object([
                "id": .string(id), "name": .string(name), "input": input.map(Self.json),
            ])
            write("tool.started", members, to: &buffer)
        case .toolFinished(let id, let succeeded, let denied):
            let members: JSONValue = .object(["id": .string(id), "ok": .bool(succeeded), "denied": .bool(denied)])
            write("tool.finished", members, to: &buffer)
        case .file(let file, let session): write("file", Self.value(of: file, session), to: &buffer)
        case .notice(let notice):
            let members: JSONValue = .object([
                "severity": .string(notice.severity.rawValue), "text": .string(notice.text),
            ])
            write("notice", members, to: &buffer)
        case .limit(let limit): write("limit", Self.value(of: limit), to: &buffer)
        case .usage(let usage): write("usage", NativeResponseCodec.value(of: usage), to: &buffer)
        case .finished(let finish): end(finish, to: &buffer)
        case .started, .signature, .toolCallSignature, .toolCallIsCustom, .partEnded: break
        }
    }

    mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        isOver = true
        write("failed", NativeErrorBody.value(error, requestID: requestID, time: identity.created), to: &buffer)
    }

    private mutating func writeStart(_ start: AnswerStart, to buffer: inout ByteBuffer) {
        guard !isStarted else { return }
        isStarted = true
        let members: JSONValue = .object([
            "id": .string("gen-" + identity.call), "model": .string(identity.model), "created": .int(identity.created),
            "upstream_model": start.model.map { .string($0) }, "session": start.session.map { .string($0) },
        ])
        write("started", members, to: &buffer)
        if let usage = start.usage { write("usage", NativeResponseCodec.value(of: usage), to: &buffer) }
    }

    private mutating func end(_ finish: Finish, to buffer: inout ByteBuffer) {
        isOver = true
        let session = finish.session.map { JSONValue.Member("session", .string($0)) }
        let members = NativeResponseCodec.end(finish) + [session].compactMap { $0 }
        write("finished", .object(members), to: &buffer)
    }

    // MARK: Values

    /// What an agent gives a tool is JSON text; what is not is a text.
    private static func json(_ text: String) -> JSONValue {
        (try? JSONValue(parsing: text.utf8)) ?? .string(text)
    }

    private static func value(of limit: UsageLimit) -> JSONValue {
        .object([
            "kind": .string(limit.kind), "used": limit.used.flatMap { $0.isFinite ? .number("\($0)") : nil },
            "resets_at": limit.resetsAt.map { .int($0) },
        ])
    }

    /// With the place where it can be had.
    private static func value(of file: Artifact, _ session: String) -> JSONValue {
        .object([
            "name": .string(file.name), "size": .int(file.size),
            "url": .string("/api/artifacts/\(Self.escaped(session))/\(Self.escaped(file.name))"),
        ])
    }

    /// For a path: slashes stay.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }

    private static func value(of citation: Citation) -> JSONValue {
        .object([
            "url": citation.url.map { .string($0) }, "title": citation.title.map { .string($0) },
            "quote": citation.quote.map { .string($0) }, "start": citation.start.map { .int($0) },
            "end": citation.end.map { .int($0) },
        ])
    }

    // MARK: Events

    private mutating func write(_ name: StaticString, _ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        begin(name, to: &buffer)
        buffer.writeStaticString("{\"text\":")
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString("}\n\n")
    }

    private mutating func write(_ name: StaticString, _ value: JSONValue, to buffer: inout ByteBuffer) {
        begin(name, to: &buffer)
        buffer.writeImmutableBuffer(value.bytes)
        buffer.writeStaticString("\n\n")
    }

    private mutating func begin(_ name: StaticString, to buffer: inout ByteBuffer) {
        number &+= 1
        buffer.writeStaticString("id: ")
        buffer.writeString(String(number))
        buffer.writeStaticString("\nevent: ")
        buffer.writeStaticString(name)
        buffer.writeStaticString("\ndata: ")
    }
}
