extension Usage {
    /// Reads a `usage` object of the OpenAI family from its bytes, in one pass: what `OpenAIUsage` reads of a value. Counts
    /// that are missing, negative or absurd count as zero.
    init(openAI bytes: Span<UInt8>, _ object: inout JSONObjectReader, depth: Int = 1) throws(JSONSyntaxError) {
        var counts = OpenAICounts()
        while let key = try object.nextKey(bytes) {
            if try JSONScanner.peek(bytes, object.index) == UInt8(ascii: "{") {
                try counts.readDetails(key, bytes, &object, depth: depth + 1)
                continue
            }
            let value = try object.skipValue(bytes)
            if value.kind == .number { counts.take(key, bytes, value.range) }
        }
        self = counts.usage
    }
}

/// Counts under the names that providers of the OpenAI family have for them. Details go before what stands beside them.
private struct OpenAICounts {
    private var input = 0
    private var output = 0
    private var total: Int?
    private var cached: Int?
    private var cachedBeside: Int?
    private var written: Int?
    private var writtenBeside: Int?
    private var reasoning: Int?
    private var reasoningBeside: Int?
    private var audioInput = 0
    private var audioOutput = 0

    mutating func take(_ key: JSONStringRange, _ bytes: Span<UInt8>, _ range: Range<Int>) {
        func isKey(_ name: StaticString) -> Bool { JSONObjectReader.isKey(key, name, bytes) }
        let count = Self.count(bytes, range)
        if isKey("prompt_tokens") {
            input = count
        } else if isKey("completion_tokens") {
            output = count
        } else if isKey("total_tokens") {
            total = count
        } else if isKey("prompt_cache_hit_tokens") || isKey("cached_tokens") || isKey("cache_read_input_tokens") {
            cachedBeside = cachedBeside ?? count
        } else if isKey("cache_creation_input_tokens") {
            writtenBeside = count
        } else if isKey("reasoning_tokens") {
            reasoningBeside = count
        }
    }

    /// Reads an object inside of the usage.
    mutating func readDetails(
        _ key: JSONStringRange, _ bytes: Span<UInt8>, _ outer: inout JSONObjectReader, depth: Int
    ) throws(JSONSyntaxError) {
        let isInput = JSONObjectReader.isKey(key, "prompt_tokens_details", bytes)
        guard isInput || JSONObjectReader.isKey(key, "completion_tokens_details", bytes) else {
            _ = try outer.skipValue(bytes)
            return
        }
        var object = try JSONObjectReader(bytes, at: outer.index, depth: depth)
        while let key = try object.nextKey(bytes) {
            let value = try object.skipValue(bytes)
            guard value.kind == .number else { continue }
            let count = Self.count(bytes, value.range)
            if JSONObjectReader.isKey(key, "audio_tokens", bytes) {
                if isInput { audioInput = count } else { audioOutput = count }
            } else if isInput, JSONObjectReader.isKey(key, "cached_tokens", bytes) {
                cached = count
            } else if isInput, JSONObjectReader.isKey(key, "cache_write_tokens", bytes) {
                written = count
            } else if !isInput, JSONObjectReader.isKey(key, "reasoning_tokens", bytes) {
                reasoning = count
            }
        }
        outer.index = object.index
    }

    var usage: Usage {
        var usage = Usage(input: input, output: output)
        usage.cachedInput = cached ?? cachedBeside ?? 0
        usage.cacheWrite = written ?? writtenBeside ?? 0
        usage.reasoning = reasoning ?? reasoningBeside ?? 0
        usage.audioInput = audioInput
        usage.audioOutput = audioOutput
        OpenAIUsage.settle(&usage, total: total)
        return usage
    }

    private static func count(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
        max(0, min(JSONScanner.integer(bytes, range) ?? 0, 1 << 40))
    }
}
