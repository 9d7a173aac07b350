/// Keys of the notes that the decoders leave for the encoders of this dialect, so that what came in one form goes out
/// in the same one.
enum ResponsesNote {
    /// On a request and a tool: it was written in this dialect.
    static let own = "$own"
    /// On a part: the members of its item but those the model holds. On a part of an assistant's message it also says
    /// that a new item begins here.
    static let item = "$item"
    /// On a message, a part or a tool result: the content was a string, not a list.
    static let string = "$string"
    /// On a part: the members of the content part but those the model holds.
    static let part = "$part"
    /// On a native part: it stands inside a message, not beside it.
    static let content = "$content"
    /// On a system message: it came as `instructions`.
    static let instructions = "$instructions"
    /// On a request: the member was there with its default.
    static let stream = "$stream"
    /// On a request: how `input` was given, where it was no list: `string` or `none`.
    static let input = "$input"
    /// On the reasoning: the summary was asked for with the older name `generate_summary`.
    static let generateSummary = "$generate_summary"
    /// On a request: an empty list of tools.
    static let tools = "$tools"
    /// On a whole answer: its members but the output, in order.
    static let members = "$members"
    /// On a citation or a usage: the whole object as it came.
    static let raw = "$raw"
    /// On the end of an answer: the vendor's own word for it.
    static let reason = "$reason"
    /// `include`, all of whose words are understood.
    static let include = "$include"
}

extension Extensions {
    /// A note of this dialect.
    func responsesNote(_ key: String) -> JSONValue? { self[.openAIResponses, key] }

    mutating func noteResponses(_ key: String, _ value: JSONValue = .bool(true)) {
        self[.openAIResponses, key] = value
    }
}

/// The ids this gateway gives to what it writes.
enum ResponsesID {
    /// Begins the id of reasoning that this gateway wrote down. Vendors bind their encrypted content to the id of its
    /// item, and look ids up where they keep answers: an id of ours must never reach them.
    static let madeReasoning = "rs_gh_"

    static func isMade(_ id: String) -> Bool { id.hasPrefix(madeReasoning) }

    /// Begins the id of an answer that this gateway wrote: only such answers can be among those it keeps.
    static let madeResponse = "resp_gh_"

    static func response(_ call: String) -> String { madeResponse + call }
    static func message(_ call: String, _ index: Int) -> String { "msg_\(call)_\(index)" }
    static func reasoning(_ call: String, _ index: Int) -> String { "\(madeReasoning)\(call)_\(index)" }
    static func function(_ call: String, _ index: Int) -> String { "fc_\(call)_\(index)" }
    static func custom(_ call: String, _ index: Int) -> String { "ctc_\(call)_\(index)" }
    static func image(_ call: String, _ index: Int) -> String { "ig_\(call)_\(index)" }
    /// For a call of a function that came without an id.
    static func call(_ call: String, _ index: Int) -> String { "call_\(call)_\(index)" }
}

/// What the vendor takes for names and ids.
enum ResponsesRules {
    static let functionName = NameRule(1...64)
    static let callID = NameRule(1...64)
    static let schemaName = NameRule(1...64)
    /// The vendor refuses a lower `max_output_tokens`.
    static let minimumTokens = 16
    /// Values of `service_tier` that mean the same to other vendors' callers.
    static let serviceTiers: Set<String> = ["auto", "default", "flex", "priority", "scale"]
}
