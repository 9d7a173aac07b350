/// The fields that chat and text completions share, both ways.
struct OpenAISampling {
    let dialect: Dialect

    /// Beyond any model, and far from overflow where counts are added up.
    static let largestTokenCount = 1 << 40

    // MARK: Reading

    func read(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        try readStream(&fields, into: &request)
        request.sampling.temperature = try fields.number("temperature")
        request.sampling.topP = try fields.number("top_p")
        request.sampling.topK = try fields.int("top_k")
        request.sampling.minP = try fields.number("min_p")
        request.sampling.frequencyPenalty = try fields.number("frequency_penalty")
        request.sampling.presencePenalty = try fields.number("presence_penalty")
        request.sampling.choices = try fields.int("n", in: 1...128)
        try readSeed(&fields, into: &request)
        if fields.peek("stop") != .array([]), let stop = try fields.strings("stop") {
            request.sampling.stop = stop
            if fields.peek("stop")?.string != nil { request.extensions[dialect, "$stop"] = .bool(true) }
        }
        request.user = try fields.string("user")
    }

    private func readStream(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        request.wantsUsage = false
        if let stream = try fields.bool("stream") {
            request.stream = stream
            if !stream { request.extensions.keepIdle([.init("stream", .bool(false))], in: dialect) }
        }
        guard let raw = fields.peek("stream_options"), var options = try fields.object("stream_options") else { return }
        request.wantsUsage = try options.bool("include_usage") ?? false
        request.extensions[dialect, "$stream_options"] = raw
    }

    /// Mistral calls it `random_seed`.
    private func readSeed(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        if let seed = try fields.int("seed") {
            request.sampling.seed = seed
        } else if let seed = try fields.int("random_seed") {
            request.sampling.seed = seed
            request.extensions[dialect, "$seed"] = .string("random_seed")
        }
    }

    // MARK: Writing

    func members(_ request: CanonicalRequest, for kind: String, _ target: OpenAIChatTarget) -> [JSONValue.Member] {
        let sampling = request.sampling
        let isOwn = request.extensions.has(OpenAINote.form, in: dialect)
        let seed = isOwn ? request.extensions[dialect, "$seed"]?.string : kind == "mistral" ? "random_seed" : nil
        var stop: JSONValue?
        if !sampling.stop.isEmpty { stop = .array(sampling.stop.map { .string($0) }) }
        if let only = sampling.stop.first, sampling.stop.count == 1, request.extensions.has("$stop", in: dialect) {
            stop = .string(only)
        }
        let members: [(String, JSONValue?)] = [
            ("temperature", sampling.temperature.map { .number($0) }), ("top_p", sampling.topP.map { .number($0) }),
            ("top_k", isOwn || target.takesTokenFilters ? sampling.topK.map { .int($0) } : nil),
            ("min_p", isOwn || target.takesTokenFilters ? sampling.minP.map { .number($0) } : nil),
            ("frequency_penalty", sampling.frequencyPenalty.map { .number($0) }),
            ("presence_penalty", sampling.presencePenalty.map { .number($0) }),
            (seed ?? "seed", sampling.seed.map { .int($0) }), ("stop", stop),
            ("n", sampling.choices.map { .int($0) }), ("user", request.user.map { .string($0) }),
        ]
        return stream(request, isOwn: isOwn, target) + members.compactMap { key, value in value.map { .init(key, $0) } }
    }

    /// The usage of a stream is always asked for, where the target can be asked and the caller's form did not settle it.
    private func stream(_ request: CanonicalRequest, isOwn: Bool, _ target: OpenAIChatTarget) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if request.stream { members.append(.init("stream", .bool(true))) }
        let came = request.extensions[dialect, "$stream_options"]
        let asks = request.stream && target.takesStreamOptions && (request.wantsUsage || !isOwn)
        if asks, came?["include_usage"]?.bool != true {
            let others = came?.members(except: ["include_usage"]) ?? []
            members.append(.init("stream_options", .object([.init("include_usage", .bool(true))] + others)))
        } else if let came {
            members.append(.init("stream_options", came))
        }
        return members
    }

    /// What of the sampling a target of another dialect's caller does not see.
    func dropped(_ request: CanonicalRequest, _ target: OpenAIChatTarget) -> [String] {
        guard !target.takesTokenFilters, !request.extensions.has(OpenAINote.form, in: dialect) else { return [] }
        return [request.sampling.topK.map { _ in "top_k" }, request.sampling.minP.map { _ in "min_p" }].compactMap {
            $0
        }
    }
}
