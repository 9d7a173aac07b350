/// `generationConfig`: sampling, limits, the form of the answer, thinking.
enum GeminiConfig {
    private typealias Note = GeminiRequestDecoder.Note

    // MARK: Decoding

    static func decode(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        guard var config = try fields.object("generationConfig") else { return }
        request.extensions[.gemini, Note.generationConfig] = .bool(true)
        request.maxTokens = try config.int("maxOutputTokens", in: 0...Int.max)
        try sampling(&config, into: &request)
        try format(&config, into: &request)
        if let thinking = try config.object("thinkingConfig") {
            request.reasoning = try GeminiThinking.decode(thinking)
        }
        if let modalities = config.peek("responseModalities"), modalities == .array([.string("TEXT")]) {
            // What every target gives: nothing to report as lost.
            request.extensions[.gemini, Note.modalities] = config.value("responseModalities")
        }
        request.extensions[.gemini] += config.rest.under("generationConfig")
    }

    private static func sampling(
        _ config: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        request.sampling.temperature = try config.number("temperature")
        request.sampling.topP = try config.number("topP")
        request.sampling.topK = try config.int("topK")
        request.sampling.seed = try config.int("seed")
        request.sampling.presencePenalty = try config.number("presencePenalty")
        request.sampling.frequencyPenalty = try config.number("frequencyPenalty")
        request.sampling.choices = try config.int("candidateCount", in: 1...Int.max)
        request.sampling.logprobs = try config.bool("responseLogprobs")
        request.sampling.topLogprobs = try config.int("logprobs", in: 0...Int.max)
        if let stop = try config.strings("stopSequences") {
            request.sampling.stop = stop
            if stop.isEmpty { request.extensions[.gemini, Note.noStop] = .bool(true) }
        }
    }

    private static func format(
        _ config: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        let type = config.peek("responseMimeType")?.string
        guard type == nil || type == "application/json" || type == "text/plain" else { return }
        if let schema = config.value("responseJsonSchema") {
            request.responseFormat = .jsonSchema(JSONSchemaFormat(schema: schema))
        } else if let schema = config.value("responseSchema") {
            var format = JSONSchemaFormat(schema: GeminiSchema.jsonSchema(schema))
            format.extensions[.gemini, Note.schema] = schema
            request.responseFormat = .jsonSchema(format)
        } else if type == "application/json" {
            request.responseFormat = .jsonObject
        } else if type == "text/plain" {
            request.responseFormat = .text
        }
        request.extensions[.gemini, Note.mimeType] = .string(try config.string("responseMimeType") ?? "")
    }

    // MARK: Encoding

    static func encode(_ request: CanonicalRequest, _ context: inout GeminiEncoding) -> JSONValue? {
        let isOwn = request.extensions[.gemini, Note.generationConfig] != nil
        var members = sampling(request, isOwn: isOwn, &context)
        members += format(request, &context)
        if let thinking = GeminiThinking.encode(request.reasoning, &context) {
            members.append(JSONValue.Member("thinkingConfig", thinking))
        }
        if let modalities = request.extensions[.gemini, Note.modalities] {
            members.append(JSONValue.Member("responseModalities", modalities))
        }
        let config = JSONValue.object(members).adding(request.extensions.written(under: "generationConfig"))
        return config == .object([]) && !isOwn ? nil : config
    }

    private static func sampling(
        _ request: CanonicalRequest, isOwn: Bool, _ context: inout GeminiEncoding
    ) -> [JSONValue.Member] {
        let sampling = request.sampling
        if sampling.minP != nil { context.drop("min_p") }
        let hasStop = !sampling.stop.isEmpty || request.extensions[.gemini, Note.noStop] != nil
        // Some models refuse `candidateCount` whatever it says, and 1 is what all do.
        let choices = sampling.choices.flatMap { $0 > 1 || isOwn ? $0 : nil }
        // The least is 1: none is what is given without.
        let logprobs = sampling.topLogprobs.flatMap { $0 > 0 || isOwn ? $0 : nil }
        let config = JSONValue.object([
            "temperature": sampling.temperature.map { .number($0) }, "topP": sampling.topP.map { .number($0) },
            "topK": sampling.topK.map { .int($0) }, "candidateCount": choices.map { .int($0) },
            "maxOutputTokens": request.maxTokens.map { .int($0) },
            "stopSequences": hasStop ? .array(sampling.stop.map { .string($0) }) : nil,
            "seed": sampling.seed.map { .int($0) },
            "presencePenalty": sampling.presencePenalty.map { .number($0) },
            "frequencyPenalty": sampling.frequencyPenalty.map { .number($0) },
            "responseLogprobs": sampling.logprobs.flatMap { $0 || isOwn ? .bool($0) : nil },
            "logprobs": logprobs.map { .int($0) },
        ])
        return config.object ?? []
    }

    private static func format(
        _ request: CanonicalRequest, _ context: inout GeminiEncoding
    ) -> [JSONValue.Member] {
        let noted = request.extensions[.gemini, Note.mimeType]?.string
        func members(_ type: String, _ schema: JSONValue.Member? = nil) -> [JSONValue.Member] {
            let written = noted ?? type
            let mimeType = written.isEmpty ? [] : [JSONValue.Member("responseMimeType", .string(written))]
            return mimeType + (schema.map { [$0] } ?? [])
        }
        switch request.responseFormat {
        case nil: return []
        // What is given anyway; said only where the caller said it in this dialect.
        case .text: return noted == nil ? [] : members("text/plain")
        case .jsonObject: return members("application/json")
        case .jsonSchema(let format):
            if format.strict == false { context.drop("response_format.strict") }
            if let schema = format.extensions[.gemini, Note.schema] {
                return members("application/json", JSONValue.Member("responseSchema", schema))
            }
            guard context.answersJSONSchema else {
                let schema = GeminiSchema.openAPI(format.schema)
                return members("application/json", JSONValue.Member("responseSchema", schema))
            }
            return members("application/json", JSONValue.Member("responseJsonSchema", format.schema))
        }
    }
}
