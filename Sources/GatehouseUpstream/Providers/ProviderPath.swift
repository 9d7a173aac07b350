import GatehouseCore

/// Where a wire format's requests go, below a provider's base URL.
enum ProviderPath {
    /// - Parameters:
    ///   - base: The base URL's own path; the row's version is added when it names none.
    ///   - model: Goes into the path for those who want it there, percent-encoded.
    static func of(_ wire: Dialect, _ row: ProviderRow, below base: String, model: String, stream: Bool) -> String {
        let root = namesVersion(base) ? base : base + row.version
        switch wire {
        case .openAIChat: return root + "/chat/completions"
        case .openAICompletions: return root + "/completions"
        case .openAIResponses: return root + "/responses"
        case .anthropic: return root + "/messages"
        case .cohere: return root + "/chat"
        case .gemini:
            // Tuned and cached models come with their collection's name.
            let name = model.contains("/") ? encoded(model, keeping: "/") : "models/" + encoded(model)
            return root + "/" + name + (stream ? ":streamGenerateContent?alt=sse" : ":generateContent")
        case .bedrock: return base + "/model/" + encoded(model) + (stream ? "/converse-stream" : "/converse")
        case .ollama:
            // The native API lies beside `/v1`.
            return (base.hasSuffix("/v1") ? String(base.dropLast(3)) : base) + "/api/chat"
        }
    }

    /// Whether the model's name is a part of the path.
    static func dependsOnModel(_ wire: Dialect) -> Bool { wire == .gemini || wire == .bedrock }

    /// Whether a path ends in a version, such as `/v1` or `/v1beta`.
    private static func namesVersion(_ path: String) -> Bool {
        let last = path.split(separator: "/").last ?? ""
        return last.first == "v" && last.dropFirst().first?.isNumber == true
    }

    /// Percent-encodes all but unreserved characters (RFC 3986 §2.3) and those of `kept`.
    static func encoded(_ text: String, keeping kept: String = "") -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            case _ where kept.utf8.contains(byte): result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
