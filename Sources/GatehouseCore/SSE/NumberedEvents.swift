package import NIOCore

/// Server-sent events that begin with their number, as the native API writes them: `id: 7`, then the rest, then a blank line.
package enum NumberedEvents {
    /// Takes bytes apart into events. What has no number, a comment, is left out.
    ///
    /// - Parameter bytes: Whole events.
    package static func split(_ bytes: ByteBuffer) -> [(number: Int, event: ByteBuffer)] {
        var events: [(number: Int, event: ByteBuffer)] = []
        var rest = bytes
        while let event = next(&rest) {
            if let number = number(of: event) { events.append((number, event)) }
        }
        return events
    }

    /// The next event with the blank line behind it.
    private static func next(_ rest: inout ByteBuffer) -> ByteBuffer? {
        let view = rest.readableBytesView
        var index = view.startIndex
        while let feed = view[index...].firstIndex(of: UInt8(ascii: "\n")) {
            let after = view.index(after: feed)
            guard after < view.endIndex else { return nil }
            if view[after] == UInt8(ascii: "\n") { return rest.readSlice(length: after + 1 - view.startIndex) }
            index = after
        }
        return nil
    }

    private static func number(of event: ByteBuffer) -> Int? {
        let view = event.readableBytesView
        guard view.starts(with: "id: ".utf8) else { return nil }
        return Int(String(decoding: view.dropFirst(4).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// The events behind a number.
    package static func after(_ last: Int, in bytes: ByteBuffer) -> ByteBuffer {
        var kept = ByteBuffer()
        for (number, event) in split(bytes) where number > last { kept.writeImmutableBuffer(event) }
        return kept
    }

    /// Whole events without their numbers.
    package static func bare(_ bytes: ByteBuffer) -> ByteBuffer {
        var bare = ByteBuffer()
        for (_, event) in split(bytes) {
            let view = event.readableBytesView
            guard let feed = view.firstIndex(of: UInt8(ascii: "\n")) else { continue }
            bare.writeBytes(view[view.index(after: feed)...])
        }
        return bare
    }

    /// The name and the data of an event.
    package static func fields(_ event: ByteBuffer) -> (name: String, data: JSONValue)? {
        let lines = String(buffer: event).split(separator: "\n")
        guard let name = lines.first(where: { $0.hasPrefix("event: ") })?.dropFirst(7),
            let data = lines.first(where: { $0.hasPrefix("data: ") })?.dropFirst(6),
            let value = try? JSONValue(parsing: data.utf8)
        else { return nil }
        return (String(name), value)
    }

    package static func write(_ number: Int, _ name: StaticString, _ value: JSONValue) -> ByteBuffer {
        write(number, name.description, value)
    }

    /// - Parameter name: One without line breaks.
    package static func write(_ number: Int, _ name: String, _ value: JSONValue) -> ByteBuffer {
        var event = ByteBuffer(string: "id: \(number)\nevent: \(name)\ndata: ")
        event.writeImmutableBuffer(value.bytes)
        event.writeStaticString("\n\n")
        return event
    }
}
