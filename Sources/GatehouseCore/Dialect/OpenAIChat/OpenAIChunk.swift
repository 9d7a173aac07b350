/// What the gateway must know of one JSON object that a provider sent in OpenAI's format: a chunk of a stream, or a
/// whole response.
package struct OpenAIChunk: Sendable, Equatable {
    package var usage: Usage?
    /// Offsets of the `usage` member with one comma, so that cutting them out leaves an object.
    package var usageMember: Range<Int>?
    /// How many choices it has; `nil` when `choices` is missing or no array.
    package var choices: Int?
    /// How many choices say why they ended.
    package var finished = 0
    /// The value of `error`, unless `null` or missing.
    package var error: Range<Int>?

    /// Checks the object whole and reads it.
    package init(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        if let offset = UTF8Check.firstInvalid(bytes) { throw JSONSyntaxError(.invalidUTF8, at: offset) }
        var object = try JSONObjectReader(bytes, at: 0)
        var previousEnd: Int?
        var openStart: Int?
        while let key = try object.nextKey(bytes) {
            if let start = openStart {
                usageMember = start..<key.quoted.lowerBound
                openStart = nil
            }
            if JSONObjectReader.isKey(key, "choices", bytes),
                try JSONScanner.peek(bytes, object.index) == UInt8(ascii: "[")
            {
                try readChoices(bytes, &object)
            } else if JSONObjectReader.isKey(key, "usage", bytes) {
                try readUsage(bytes, &object)
                usageMember = (previousEnd ?? key.quoted.lowerBound)..<object.index
                if previousEnd == nil { openStart = key.quoted.lowerBound }
            } else if usage == nil, JSONObjectReader.isKey(key, "x_groq", bytes),
                try JSONScanner.peek(bytes, object.index) == UInt8(ascii: "{")
            {
                try readGroq(bytes, &object)
            } else {
                let isError = JSONObjectReader.isKey(key, "error", bytes)
                let value = try object.skipValue(bytes)
                if isError, value.kind != .null { error = value.range }
            }
            previousEnd = object.index
        }
        try object.expectEnd(bytes)
    }

    private mutating func readUsage(_ bytes: Span<UInt8>, _ object: inout JSONObjectReader) throws(JSONSyntaxError) {
        guard try JSONScanner.peek(bytes, object.index) == UInt8(ascii: "{") else {
            _ = try object.skipValue(bytes)
            return
        }
        var inner = try JSONObjectReader(bytes, at: object.index, depth: 1)
        usage = try Usage(openAI: bytes, &inner)
        object.index = inner.index
    }

    /// Groq's own object, which holds the usage of a stream whose caller did not ask for it.
    private mutating func readGroq(_ bytes: Span<UInt8>, _ object: inout JSONObjectReader) throws(JSONSyntaxError) {
        var inner = try JSONObjectReader(bytes, at: object.index, depth: 1)
        while let key = try inner.nextKey(bytes) {
            if JSONObjectReader.isKey(key, "usage", bytes),
                try JSONScanner.peek(bytes, inner.index) == UInt8(ascii: "{")
            {
                var counts = try JSONObjectReader(bytes, at: inner.index, depth: 2)
                usage = try Usage(openAI: bytes, &counts, depth: 2)
                inner.index = counts.index
            } else {
                _ = try inner.skipValue(bytes)
            }
        }
        object.index = inner.index
    }

    private mutating func readChoices(
        _ bytes: Span<UInt8>, _ object: inout JSONObjectReader
    ) throws(JSONSyntaxError) {
        var index = object.index + 1
        var count = 0
        JSONScanner.skipSpace(bytes, &index)
        if try JSONScanner.peek(bytes, index) == UInt8(ascii: "]") {
            index += 1
        } else {
            while true {
                var choice = try JSONObjectReader(bytes, at: index, depth: 2)
                while let key = try choice.nextKey(bytes) {
                    let isReason = JSONObjectReader.isKey(key, "finish_reason", bytes)
                    if try choice.skipValue(bytes).kind == .string, isReason { finished += 1 }
                }
                count += 1
                index = choice.index
                JSONScanner.skipSpace(bytes, &index)
                if try JSONScanner.peek(bytes, index) == UInt8(ascii: ",") {
                    index += 1
                    continue
                }
                try JSONScanner.expect(UInt8(ascii: "]"), bytes, &index)
                break
            }
        }
        choices = count
        object.index = index
    }
}
