import GatehouseCore

/// Where a provider's paths begin, and what of them an operator chose.
package struct ProviderPlace: Sendable {
    /// The base URL's own path.
    var base: String
    /// What stands before paths when the base names no version, settings filled in.
    var version: String
    /// `azure-openai`: the dated API of deployments.
    var apiVersion: String?

    /// - Parameters:
    ///   - base: The path of the base URL.
    ///   - region: For `{region}` in the row.
    ///   - project: For `{project}` in the row.
    package init(_ row: ProviderRow, base: String, region: String?, project: String?, apiVersion: String?) {
        self.base = base
        version = Self.fill(row.version, region: region, project: project)
        self.apiVersion = apiVersion
    }

    /// A template with the settings in it.
    package static func fill(_ template: String, region: String?, project: String?) -> String {
        var result = ""
        var rest = Substring(template)
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open]
            switch rest[rest.index(after: open)..<close] {
            case "region": result += region ?? ""
            case "project": result += project ?? ""
            default: result += rest[open...close]
            }
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }
}

/// Where a wire format's requests go, below a provider's base URL.
enum ProviderPath {
    /// - Parameter model: Goes into the path for those who want it there, percent-encoded.
    static func of(_ wire: Dialect, _ place: ProviderPlace, model: String, stream: Bool) -> String {
        if let version = place.apiVersion { return azure(wire, place.base, model, version) }
        let root = namesVersion(place.base) ? place.base : place.base + place.version
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
        case .bedrock: return root + "/model/" + encoded(model) + (stream ? "/converse-stream" : "/converse")
        case .ollama:
            // The native API lies beside `/v1`.
            return (place.base.hasSuffix("/v1") ? String(place.base.dropLast(3)) : place.base) + "/api/chat"
        }
    }

    /// Azure's dated API: chat and completions below the deployment, responses beside them.
    private static func azure(_ wire: Dialect, _ base: String, _ model: String, _ version: String) -> String {
        let deployment = base + "/openai/deployments/" + encoded(model)
        let path =
            switch wire {
            case .openAIResponses: base + "/openai/responses"
            case .openAICompletions: deployment + "/completions"
            default: deployment + "/chat/completions"
            }
        return path + "?api-version=" + encoded(version)
    }

    /// Whether the model's name is a part of the path.
    static func dependsOnModel(_ wire: Dialect, _ place: ProviderPlace) -> Bool {
        wire == .gemini || wire == .bedrock || (place.apiVersion != nil && wire != .openAIResponses)
    }

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
