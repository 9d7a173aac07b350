package import NIOCore

/// Writes server-sent events.
package enum SSEWriter {
    /// Writes an event with one `data` line. `data` must hold no line break: compact JSON never does.
    package static func write(data: ByteBuffer, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("data: ")
        buffer.writeImmutableBuffer(data)
        buffer.writeStaticString("\n\n")
    }

    /// Writes a comment, which clients skip; line breaks in it become blanks.
    package static func write(comment: String, to buffer: inout ByteBuffer) {
        buffer.writeStaticString(": ")
        buffer.writeString(String(comment.unicodeScalars.map { $0 == "\n" || $0 == "\r" ? " " : Character($0) }))
        buffer.writeStaticString("\n\n")
    }

    /// Writes what an agent does on its way as a comment, in a dialect that has no words for it. What an agent gives its
    /// tools, or wants to say to the operator, is not told.
    package static func write(progress event: CanonicalEvent, to buffer: inout ByteBuffer) {
        switch event {
        case .toolStarted(_, let name, _): write(comment: "tool \(name)", to: &buffer)
        case .toolFinished(let id, let succeeded, let denied):
            write(comment: "tool \(id) \(denied ? "denied" : succeeded ? "done" : "failed")", to: &buffer)
        case .file(let file, _): write(comment: "file \(file.name)", to: &buffer)
        case .notice(let notice): write(comment: "notice \(notice.severity.rawValue)", to: &buffer)
        case .limit(let limit): write(comment: "limit \(limit.kind)", to: &buffer)
        default: break
        }
    }
}
