import NIOCore

/// A parsed JSON document (RFC 8259).
///
/// Numbers keep the text they were written with and objects keep the order of their members, so that a document can be
/// written again without changing what it says. Nothing here is unbounded: depth, the number of values and the length
/// of a number are limited by `JSONLimits`.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number exactly as written; it matches RFC 8259's grammar.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// One name and value of an object.
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSONValue

        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }
}

/// What a parse accepts.
package struct JSONLimits: Sendable, Equatable {
    /// Arrays and objects inside each other, counting the outermost as 1.
    package var depth: Int
    /// Values in the whole document, containers included.
    package var values: Int
    /// Bytes of one number.
    package var numberLength: Int
    /// `false` refuses duplicate names, broken UTF-8 and lone surrogates. `true` keeps the last of equal names and
    /// reads U+FFFD for what is broken: for the output of programs that cut strings in the middle of a character.
    package var isLenient: Bool

    package init(depth: Int = 64, values: Int = 500_000, numberLength: Int = 256, isLenient: Bool = false) {
        self.depth = depth
        self.values = values
        self.numberLength = numberLength
        self.isLenient = isLenient
    }

    /// For what clients and providers send.
    package static let strict = JSONLimits()
    /// For what agents print.
    package static let lenient = JSONLimits(isLenient: true)
}

/// Why bytes are not an acceptable JSON document, and where.
package struct JSONError: Error, Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case unexpectedEnd, unexpectedByte, trailingBytes
        case invalidNumber, invalidEscape, invalidUTF8, loneSurrogate, controlCharacter
        case duplicateKey, tooDeep, tooManyValues
    }

    package var kind: Kind
    /// Offset in bytes from the start of the document.
    package var offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

extension JSONValue {
    /// Parses exactly one document, with white space around it allowed.
    ///
    /// - Throws: `JSONError` for anything that is not RFC 8259 or exceeds `limits`.
    package init(
        parsing bytes: some Collection<UInt8>, limits: JSONLimits = .strict
    ) throws(JSONError) {
        func parse(_ buffer: UnsafeBufferPointer<UInt8>) -> Result<JSONValue, JSONError> {
            var parser = JSONParser(bytes: buffer, limits: limits)
            do throws(JSONError) {
                return .success(try parser.document())
            } catch {
                return .failure(error)
            }
        }
        let result = bytes.withContiguousStorageIfAvailable(parse)
        self = try (result ?? Array(bytes).withUnsafeBufferPointer(parse)).get()
    }
}

extension JSONValue {
    /// The value of an object's member; `nil` when this is no object or has no such member.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// An element of an array; `nil` when this is no array or the index is outside.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The text of a number, as written.
    package var numberText: String? {
        guard case .number(let text) = self else { return nil }
        return text
    }

    /// The value of a number that is written as an integer and fits.
    package var int: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    /// The value of a number; `nil` when it is not finite as a `Double`.
    package var double: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var object: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    package var isNull: Bool { self == .null }

    /// The document as compact JSON text.
    package var text: String {
        var writer = JSONWriter()
        writer.value(self)
        return String(buffer: writer.buffer)
    }
}
