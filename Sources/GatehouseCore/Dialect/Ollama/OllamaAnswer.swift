/// What whole answers and lines of a stream have in common.
enum OllamaAnswer {
    /// How an answer ended, and what it used.
    static func finish(_ body: JSONValue, hasCalls: Bool) -> Finish {
        let word = body["done_reason"]?.string
        let reason: FinishReason =
            switch word {
            case "length": .length
            // `load` and `unload`: nothing was asked but to have the model in memory, or out of it.
            default: hasCalls ? .toolCalls : .stop
            }
        var finish = Finish(reason, usage: usage(body))
        finish.extensions[.ollama, "$reason"] = word.map { .string($0) } ?? .bool(false)
        return finish
    }

    static func word(_ finish: Finish) -> JSONValue? {
        if let own = finish.extensions[.ollama, "$reason"] { return own == .bool(false) ? nil : own }
        return switch finish.reason {
        case .length, .contextLength: .string("length")
        case .stop, .stopSequence, .toolCalls, .contentFilter, .refusal, .pause, .malformedCall: .string("stop")
        }
    }

    /// Members that count and time: `prompt_eval_count`, `eval_duration` ...
    static func metrics(_ body: JSONValue) -> [JSONValue.Member] {
        (body.object ?? []).filter { $0.key.hasSuffix("_count") || $0.key.hasSuffix("_duration") }
    }

    /// What was read from a cache is not told, and not counted by older servers.
    private static func usage(_ body: JSONValue) -> Usage? {
        let metrics = metrics(body)
        guard !metrics.isEmpty else { return nil }
        var usage = Usage(
            input: body["prompt_eval_count"]?.count ?? 0, output: body["eval_count"]?.count ?? 0)
        usage.extensions[.ollama, "$raw"] = .object(metrics)
        return usage
    }

    static func members(_ usage: Usage?) -> [JSONValue.Member] {
        guard let usage else { return [] }
        if let own = usage.extensions[.ollama, "$raw"]?.object { return own }
        return [.init("prompt_eval_count", .int(usage.input)), .init("eval_count", .int(usage.output))]
    }

    /// A call of a function; its arguments come as an object, seldom as text.
    static func call(_ value: JSONValue, index: Int, turn: String) throws(Failure) -> ToolCall {
        let function = value["function"]
        guard let name = function?["name"]?.string else {
            throw Failure(.protocol, detail: "tool call without a name")
        }
        let arguments = function?["arguments"].map { $0.string ?? $0.text } ?? "{}"
        let id = value["id"]?.string ?? ""
        return ToolCall(
            id: id.isEmpty
                ? OllamaCallID.make(turn: turn, index: index, name: name, arguments: arguments) : id,
            name: name, arguments: arguments.isEmpty || arguments == "null" ? "{}" : arguments)
    }
}
