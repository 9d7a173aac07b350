/// Gemini's words for how an answer ended.
enum GeminiFinish {
    /// Notes in a finish's extensions.
    enum Note {
        /// The word as it came, or its number (`$alt=json;enum-encoding=int`).
        static let reason = "$reason"
        /// The candidate's members besides its content and its finish reason.
        static let candidate = "$candidate"
        /// Members of the answer besides its candidates and usage.
        static let top = "$top"
        /// The prompt was blocked: there was no candidate at all.
        static let blocked = "$blocked"
    }

    static func decode(_ reason: JSONValue, hasCalls: Bool) -> FinishReason {
        let word = reason.string ?? reason.int.map(name) ?? ""
        // Gemini says `STOP` also when it made calls.
        let end: FinishReason = hasCalls ? .toolCalls : .stop
        return switch word {
        case "MAX_TOKENS": .length
        case "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE", "MODEL_ARMOR":
            .contentFilter
        case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
            "MALFORMED_RESPONSE":
            .malformedCall
        default: end
        }
    }

    /// The word for a caller; the vendor's own where it was this one.
    static func encode(_ finish: Finish) -> JSONValue {
        if let reason = finish.extensions[.gemini, Note.reason] { return reason }
        return .string(word(finish.reason))
    }

    static func word(_ reason: FinishReason) -> String {
        switch reason {
        case .stop, .stopSequence, .toolCalls: "STOP"
        case .length, .contextLength: "MAX_TOKENS"
        case .contentFilter, .refusal: "SAFETY"
        case .malformedCall: "MALFORMED_FUNCTION_CALL"
        // Nothing in this dialect asks to be sent back.
        case .pause: "OTHER"
        }
    }

    /// The finish of an answer whose prompt was blocked: an answer without parts, as Google's own clients see it.
    static func blocked(_ reason: JSONValue, usage: Usage?) -> Finish {
        var finish = Finish(.contentFilter, usage: usage)
        finish.extensions[.gemini, Note.reason] = reason
        finish.extensions[.gemini, Note.blocked] = .bool(true)
        return finish
    }

    /// The numbers of Google AI's enumeration; Vertex numbers a few filters otherwise, which all end the same way.
    private static func name(_ number: Int) -> String {
        switch number {
        case 1: "STOP"
        case 2: "MAX_TOKENS"
        case 3...9, 11: "SAFETY"
        case 10, 12, 13: "MALFORMED_FUNCTION_CALL"
        default: ""
        }
    }
}
