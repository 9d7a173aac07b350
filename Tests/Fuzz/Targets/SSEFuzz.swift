import GatehouseCore
import NIOCore

/// The event parser: every cut of a stream gives the same events, the ones that a slow and plain reading gives, and
/// every byte comes out again.
enum SSEFuzz {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let expected = PlainSSE.events(bytes)
        for pieces in Cuts.all(bytes[...]) {
            var parser = SSEParser()
            let (events, passed) = read(pieces, with: &parser)
            promise(passed == bytes, "what was taken is not what was appended")
            promise(events == expected, "cut into \(pieces.count) pieces, the events are others")
        }
        var strict = SSEParser(maximumFrame: 16)
        _ = read(Cuts.all(bytes[...])[1], with: &strict)
    }

    /// The payloads of all events that have one, and all bytes that were taken.
    private static func read(_ pieces: [ByteBuffer], with parser: inout SSEParser) -> ([[UInt8]], [UInt8]) {
        var events: [[UInt8]] = []
        var passed: [UInt8] = []
        do throws(Failure) {
            for piece in pieces {
                parser.append(piece)
                while let frame = try parser.next() { add(frame, of: parser, to: &events) }
                passed += parser.take(upTo: parser.cursor).readableBytesView
            }
        } catch {
            return (events, passed)
        }
        if let frame = parser.last() { add(frame, of: parser, to: &events) }
        passed += parser.take(upTo: parser.cursor).readableBytesView
        promise(parser.unfinishedBytes == 0, "bytes are left over at the end")
        return (events, passed)
    }

    private static func add(_ frame: SSEFrame, of parser: SSEParser, to events: inout [[UInt8]]) {
        switch frame.payload {
        case .none: break
        case .joined(let data): events.append(Array(data.readableBytesView))
        case .line(let range):
            events.append(
                parser.withBytes(range) { span in
                    var copy: [UInt8] = []
                    for index in span.indices { copy.append(span[index]) }
                    return copy
                })
        }
    }
}

/// Server-sent events (WHATWG HTML §9.2) read in the plainest way, from all bytes at once.
enum PlainSSE {
    /// The payloads of the events that have one; at the end an event counts although its blank line is missing.
    static func events(_ bytes: [UInt8]) -> [[UInt8]] {
        var events: [[UInt8]] = []
        var data: [[UInt8]] = []
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        for line in lines(bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes) {
            if line.isEmpty {
                if !data.isEmpty { events.append(Array(data.joined(separator: [0x0A]))) }
                data = []
            } else if line == Array("data".utf8) {
                data.append([])
            } else if line.starts(with: Array("data:".utf8)) {
                let value = line.dropFirst(5)
                data.append(Array(value.first == 0x20 ? value.dropFirst() : value))
            }
        }
        if !data.isEmpty { events.append(Array(data.joined(separator: [0x0A]))) }
        return events
    }

    static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var afterReturn = false
        for byte in bytes {
            switch byte {
            case 0x0A where afterReturn: afterReturn = false
            case 0x0A, 0x0D:
                lines.append(line)
                line = []
                afterReturn = byte == 0x0D
            default:
                line.append(byte)
                afterReturn = false
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
