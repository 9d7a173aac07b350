import NIOCore

/// A JSON document whose rows of numbers were taken out: in the place of each stands its index in `vectors`.
///
/// Millions of numbers as `JSONValue`s would take a multiple of the room that floats do.
struct VectorDocument {
    let value: JSONValue
    let vectors: [[Float]]

    /// - Throws: `Failure(.protocol)` when the body is no JSON, or a number in a row is larger than a float.
    init(_ body: ByteBuffer) throws(Failure) {
        var scan = Scan(body)
        do throws(JSONSyntaxError) {
            try scan.run(body.readableBytesUInt8Span)
        } catch {
            throw Failure(.protocol, detail: "no JSON: \(error.kind) at \(error.offset)")
        }
        vectors = scan.vectors
        do {
            value = try JSONValue(parsing: scan.rest.readableBytesView)
        } catch {
            throw Failure(.protocol, detail: "no JSON: \(error.kind)")
        }
    }

    /// A vector where it stands: an index, base64 of floats, or nothing at all; `nil` for what is none of these.
    func vector(_ value: JSONValue?) -> [Float]? {
        if let index = value?.int { return vectors.indices.contains(index) ? vectors[index] : nil }
        if let text = value?.string { return FloatBase64.decode(text) }
        return value == .array([]) ? [] : nil
    }

    /// Walks over the text and copies it, but for the rows.
    private struct Scan {
        let source: ByteBuffer
        var vectors: [[Float]] = []
        var rest = ByteBuffer()
        /// Up to where the text was copied.
        private var copied = 0

        init(_ source: ByteBuffer) { self.source = source }

        mutating func run(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
            var index = 0
            while index < bytes.count {
                switch bytes[index] {
                case UInt8(ascii: "\""): _ = try JSONScanner.skipString(bytes, &index)
                case UInt8(ascii: "["):
                    let start = index
                    index += 1
                    guard isNumber(bytes, &index) else { continue }
                    let numbers = try numbers(bytes, &index)
                    copy(upTo: start)
                    rest.writeString(String(vectors.count))
                    copied = index
                    vectors.append(numbers)
                default: index += 1
                }
            }
            copy(upTo: bytes.count)
        }

        private mutating func copy(upTo end: Int) {
            guard let slice = source.getSlice(at: source.readerIndex + copied, length: end - copied) else { return }
            rest.writeImmutableBuffer(slice)
        }

        private func isNumber(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
            JSONScanner.skipSpace(bytes, &index)
            guard index < bytes.count else { return false }
            return bytes[index] == UInt8(ascii: "-")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
        }

        /// Reads numbers up to the closing bracket.
        private func numbers(_ bytes: Span<UInt8>, _ index: inout Int) throws(JSONSyntaxError) -> [Float] {
            var numbers: [Float] = []
            while true {
                JSONScanner.skipSpace(bytes, &index)
                let start = index
                try JSONScanner.skipNumber(bytes, &index)
                guard let number = Float(JSONScanner.text(bytes, start..<index)), number.isFinite else {
                    throw JSONSyntaxError(.invalidNumber, at: start)
                }
                numbers.append(number)
                JSONScanner.skipSpace(bytes, &index)
                if try JSONScanner.peek(bytes, index) == UInt8(ascii: "]") {
                    index += 1
                    return numbers
                }
                try JSONScanner.expect(UInt8(ascii: ","), bytes, &index)
            }
        }
    }
}
