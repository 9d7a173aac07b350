import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

@Suite struct EventStreamTests {
    private static let headers: [EventStreamHeader] = [
        EventStreamHeader("yes", .bool(true)), EventStreamHeader("no", .bool(false)),
        EventStreamHeader("byte", .int8(-3)), EventStreamHeader("short", .int16(-300)),
        EventStreamHeader("int", .int32(-70_000)), EventStreamHeader("long", .int64(.min)),
        EventStreamHeader("bytes", .bytes([0, 255, 7])), EventStreamHeader("text", .string("grün")),
        EventStreamHeader("time", .timestamp(1_700_000_000_123)),
        EventStreamHeader("id", .uuid(Array(0..<16))), EventStreamHeader("empty", .string("")),
    ]

    private func write(_ payload: String, _ headers: [EventStreamHeader] = Self.headers) -> ByteBuffer {
        var buffer = ByteBuffer(string: "before")
        EventStreamWriter.write(headers: EventStreamWriter.headers(headers), to: &buffer) { $0.writeString(payload) }
        buffer.moveReaderIndex(forwardBy: 6)
        return buffer
    }

    /// A message that AWS publishes as an example of the format: no headers, payload `{'foo':'bar'}`.
    private static let published: [UInt8] = [
        0x00, 0x00, 0x00, 0x1D, 0x00, 0x00, 0x00, 0x00, 0xFD, 0x52, 0x8C, 0x5A, 0x7B, 0x27, 0x66, 0x6F, 0x6F, 0x27,
        0x3A, 0x27, 0x62, 0x61, 0x72, 0x27, 0x7D, 0xC3, 0x65, 0x39, 0x36,
    ]

    @Test func readsAndWritesThePublishedMessage() throws {
        var parser = EventStreamParser()
        parser.append(ByteBuffer(bytes: Self.published))
        let message = try #require(try parser.next())
        #expect(message.headers == [])
        #expect(String(buffer: message.payload) == "{'foo':'bar'}")
        #expect(Array(write("{'foo':'bar'}", []).readableBytesView) == Self.published)
    }

    @Test func readsHeadersOfEveryType() throws {
        var parser = EventStreamParser()
        parser.append(write("payload"))
        let message = try #require(try parser.next())
        #expect(message.headers == Self.headers)
        #expect(String(buffer: message.payload) == "payload")
        #expect(message.string("text") == "grün")
        #expect(message.string("long") == nil)
        #expect(parser.isAtBoundary)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func anyCutGivesTheSame(seed: UInt64) throws {
        var all = write("one")
        all.writeImmutableBuffer(write(""))
        all.writeImmutableBuffer(write(String(repeating: "long ", count: 2_000)))
        var generator = SeededGenerator(seed: seed)
        let cuts = generator.cuts(of: all.readableBytes)
        var parser = EventStreamParser()
        var payloads: [Int] = []
        for (start, end) in zip(cuts, cuts.dropFirst()) {
            parser.append(try #require(all.getSlice(at: all.readerIndex + start, length: end - start)))
            while let message = try parser.next() { payloads.append(message.payload.readableBytes) }
        }
        #expect(payloads == [3, 0, 10_000])
        #expect(parser.isAtBoundary)
    }

    @Test func refusesWhatIsTooLarge() {
        var parser = EventStreamParser()
        // 16 MiB and a byte, with the right checksum.
        parser.append(ByteBuffer(bytes: [0x01, 0x00, 0x00, 0x01, 0, 0, 0, 0, 0x94, 0xE8, 0xF6, 0x47]))
        #expect { try parser.next() } throws: { ($0 as? Failure)?.kind == .outputTooLarge }
    }

    @Test func refusesLengthsThatContradictEachOther() {
        var parser = EventStreamParser()
        // 16 bytes in all, 16 of them headers.
        parser.append(ByteBuffer(bytes: [0, 0, 0, 0x10, 0, 0, 0, 0x10, 0x18, 0x75, 0x58, 0x8F]))
        #expect { try parser.next() } throws: { ($0 as? Failure)?.kind == .protocol }
    }

    @Test func refusesHeadersCutShort() {
        var parser = EventStreamParser()
        var headers = EventStreamWriter.headers(Self.headers)
        headers.moveWriterIndex(to: headers.writerIndex - 1)
        var buffer = ByteBuffer()
        EventStreamWriter.write(headers: headers, to: &buffer) { _ in }
        parser.append(buffer)
        #expect { try parser.next() } throws: { ($0 as? Failure)?.kind == .protocol }
    }
}
