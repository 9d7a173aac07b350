package import NIOCore

/// What a surface that is passed through says it used: tokens, or seconds of sound, or both.
package struct PassThroughUsage: Sendable, Equatable {
    package var tokens: Usage?
    /// Decimal text as it was written.
    package var seconds: String?

    package init(tokens: Usage? = nil, seconds: String? = nil) {
        self.tokens = tokens
        self.seconds = seconds
    }
}

/// Finds the usage in bodies and events of the OpenAI family that are passed through: images, transcriptions,
/// embeddings, moderations. Speech tells none.
package enum UsageReader {
    /// Looks into a body, or the data of an event; `nil` when it is no JSON object or tells nothing. Only the members
    /// in question are looked into: images may be of any size.
    package static func read(_ body: ByteBuffer) -> PassThroughUsage? {
        guard let found = try? members(body.readableBytesUInt8Span), found.usage != nil || found.duration != nil else {
            return nil
        }
        var result = PassThroughUsage()
        if let range = found.usage,
            let slice = body.getSlice(at: body.readerIndex + range.lowerBound, length: range.count),
            let usage = try? JSONValue(parsing: slice.readableBytesView)
        {
            result.tokens = tokens(usage)
            result.seconds = usage["seconds"]?.seconds
        }
        // Whisper tells the length of the sound beside the text.
        if result.seconds == nil, let range = found.duration {
            result.seconds = JSONValue.number(JSONScanner.text(body.readableBytesUInt8Span, range)).seconds
        }
        return result == PassThroughUsage() ? nil : result
    }

    /// The member without which an answer in OpenAI's form says nothing; `nil` when it is there, or none is needed.
    static func missing(_ bytes: Span<UInt8>, of surface: Surface) throws(JSONSyntaxError) -> StaticString? {
        let name: StaticString
        switch surface {
        case .embeddings, .images: name = "data"
        case .moderation: name = "results"
        default: return nil
        }
        var object = try JSONObjectReader(bytes, at: 0)
        while let key = try object.nextKey(bytes) {
            if try object.skipValue(bytes).kind == .array, JSONObjectReader.isKey(key, name, bytes) { return nil }
        }
        return name
    }

    /// Reads a `usage` object; `nil` when it has no tokens. The total stands for the input where nothing else is told.
    static func tokens(_ usage: JSONValue) -> Usage? {
        func count(_ names: String...) -> Int? { names.lazy.compactMap { usage[$0]?.count }.first }
        func detail(_ names: [String], _ key: String) -> Int {
            names.lazy.compactMap { usage[$0]?[key]?.count }.first ?? 0
        }
        let output = count("output_tokens", "completion_tokens")
        let total = count("total_tokens")
        guard let input = count("input_tokens", "prompt_tokens") ?? total.map({ max(0, $0 - (output ?? 0)) }) else {
            return nil
        }
        let inputDetails = ["input_tokens_details", "input_token_details", "prompt_tokens_details"]
        let outputDetails = ["output_tokens_details", "output_token_details", "completion_tokens_details"]
        var read = Usage(
            input: input, output: output ?? 0, cachedInput: min(input, detail(inputDetails, "cached_tokens")),
            reasoning: min(output ?? 0, detail(outputDetails, "reasoning_tokens")))
        read.audioInput = min(input, detail(inputDetails, "audio_tokens"))
        read.imageInput = min(input, detail(inputDetails, "image_tokens"))
        read.audioOutput = min(output ?? 0, detail(outputDetails, "audio_tokens"))
        read.extensions[.openAIChat, "$raw"] = usage
        return read
    }

    /// Where `usage` (an object) and `duration` (a number) stand.
    private static func members(
        _ bytes: Span<UInt8>
    ) throws(JSONSyntaxError) -> (usage: Range<Int>?, duration: Range<Int>?) {
        var found: (usage: Range<Int>?, duration: Range<Int>?)
        var object = try JSONObjectReader(bytes, at: 0)
        while let key = try object.nextKey(bytes) {
            let value = try object.skipValue(bytes)
            if value.kind == .object, JSONObjectReader.isKey(key, "usage", bytes) { found.usage = value.range }
            if value.kind == .number, JSONObjectReader.isKey(key, "duration", bytes) { found.duration = value.range }
        }
        return found
    }
}

extension JSONValue {
    /// A number of seconds that is not negative, as written.
    fileprivate var seconds: String? {
        guard let value = double, value >= 0 else { return nil }
        return numberText
    }
}
