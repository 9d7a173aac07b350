import GatehouseCore
import NIOCore

/// The scanner, which decides what is forwarded, and the parser must take the same texts for JSON: where two readers
/// disagree, one request can mean two things.
enum JSONFuzz {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let buffer = ByteBuffer(bytes: input)
        let scanned = scan(buffer)
        let parsed = parse(input)
        switch (scanned, parsed) {
        case (.success, .success(let value)): roundTrip(value)
        case (.success, .failure(let error)):
            promise(
                error.kind == .invalidNumber || error.kind == .tooManyValues,
                "the scanner takes what the parser refuses with \(error)")
        case (.failure(let error), .success):
            promise(
                error.kind == .invalidNumber || error.kind == .tooManyMembers,
                "the parser takes what the scanner refuses with \(error)")
        case (.failure(let scanner), .failure(let parser)):
            promise(
                scanner.offset <= input.count && parser.offset <= input.count,
                "an error is said to be behind the end: \(scanner), \(parser)")
        }
        _ = try? JSONValue(parsing: input, limits: .lenient)
    }

    private static func scan(_ buffer: ByteBuffer) -> Result<Void, JSONSyntaxError> {
        let bytes = buffer.readableBytesUInt8Span
        if let offset = UTF8Check.firstInvalid(bytes) {
            promise(!isValidUTF8(buffer), "valid UTF-8 is refused at \(offset)")
            return .failure(JSONSyntaxError(.invalidUTF8, at: offset))
        }
        promise(isValidUTF8(buffer), "invalid UTF-8 is taken")
        var index = 0
        var keys: JSONKeyTracker? = JSONKeyTracker()
        do throws(JSONSyntaxError) {
            try JSONScanner.skipValue(bytes, &index, keys: &keys)
            JSONScanner.skipSpace(bytes, &index)
        } catch {
            return .failure(error)
        }
        promise(index <= bytes.count, "the scanner stands behind the end")
        return index == bytes.count ? .success(()) : .failure(JSONSyntaxError(.trailingBytes, at: index))
    }

    private static func parse(_ input: UnsafeBufferPointer<UInt8>) -> Result<JSONValue, JSONError> {
        do throws(JSONError) { return .success(try JSONValue(parsing: input)) } catch { return .failure(error) }
    }

    private static func isValidUTF8(_ buffer: ByteBuffer) -> Bool {
        String(validating: buffer.readableBytesView, as: UTF8.self) != nil
    }

    private static func roundTrip(_ value: JSONValue) {
        switch parse(Array(value.text.utf8)) {
        case .success(let again): promise(again == value, "written and read again it is another value")
        case .failure(let error): promise(false, "what the writer wrote is refused: \(error)")
        }
    }

    private static func parse(_ bytes: [UInt8]) -> Result<JSONValue, JSONError> {
        bytes.withUnsafeBufferPointer { parse($0) }
    }
}
