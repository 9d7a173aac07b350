/// `toolConfig`: which functions the model may or must call.
enum GeminiToolConfig {
    private typealias Note = GeminiRequestDecoder.Note

    static func decode(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        guard var config = try fields.object("toolConfig") else { return }
        request.extensions[.gemini, Note.toolConfig] = .bool(true)
        if var calling = try config.object("functionCallingConfig") {
            request.extensions[.gemini, Note.callingConfig] = .bool(true)
            try choice(&calling, into: &request)
            request.extensions[.gemini] += calling.rest.under("toolConfig.functionCallingConfig")
        }
        request.extensions[.gemini] += config.rest.under("toolConfig")
    }

    private static func choice(
        _ calling: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        let mode = try calling.string("mode")
        let names = try calling.strings("allowedFunctionNames")
        request.extensions[.gemini, Note.mode] = mode.map { .string($0) } ?? .null
        request.extensions[.gemini, Note.allowed] = names.map { .array($0.map { .string($0) }) }
        switch (mode?.uppercased(), names ?? []) {
        case (nil, _): break
        case ("NONE", _): request.toolChoice = ToolChoice.none
        case ("ANY", let names) where names.isEmpty: request.toolChoice = .required
        case ("ANY", let names) where names.count == 1: request.toolChoice = .tool(name: names[0])
        case ("ANY", let names): request.toolChoice = .allowed(names: names, isRequired: true)
        case ("AUTO", let names), ("VALIDATED", let names), ("MODE_UNSPECIFIED", let names):
            request.toolChoice = names.isEmpty ? .auto : .allowed(names: names, isRequired: false)
        default: throw calling.invalid("mode", "must be AUTO, ANY, NONE or VALIDATED")
        }
    }

    static func encode(
        _ request: CanonicalRequest, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue? {
        let notes = request.extensions
        var calling: [JSONValue.Member] = []
        if notes[.gemini, Note.callingConfig] != nil {
            // As it was written: the canonical word for it has fewer shades.
            if let mode = notes[.gemini, Note.mode], !mode.isNull { calling.append(JSONValue.Member("mode", mode)) }
            if let allowed = notes[.gemini, Note.allowed] {
                calling.append(JSONValue.Member("allowedFunctionNames", allowed))
            }
        } else if let choice = request.toolChoice {
            calling = try members(choice, &context)
        }
        calling += notes.written(under: "toolConfig.functionCallingConfig")
        var config = notes.written(under: "toolConfig")
        if !calling.isEmpty || notes[.gemini, Note.callingConfig] != nil {
            config.append(JSONValue.Member("functionCallingConfig", .object(calling)))
        }
        return config.isEmpty && notes[.gemini, Note.toolConfig] == nil ? nil : .object(config)
    }

    private static func members(
        _ choice: ToolChoice, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> [JSONValue.Member] {
        switch choice {
        case .auto: return members("AUTO")
        case .none: return members("NONE")
        case .required: return members("ANY")
        case .tool(let name): return members("ANY", [context.name(name)])
        case .allowed(let names, let isRequired):
            let legal = names.map { context.name($0) }
            // Without need to call one, only `VALIDATED` takes a list of names.
            return members(isRequired ? "ANY" : "VALIDATED", legal)
        case .native:
            throw GatehouseError(
                .unsupportedParameter, "Gemini cannot be made to use this tool.", param: "tool_choice")
        }
    }

    private static func members(_ mode: String, _ names: [String] = []) -> [JSONValue.Member] {
        let choice = JSONValue.Member("mode", .string(mode))
        return names.isEmpty
            ? [choice] : [choice, JSONValue.Member("allowedFunctionNames", .array(names.map { .string($0) }))]
    }
}

extension [JSONValue.Member] {
    /// The members named by their dotted path.
    func under(_ path: String) -> [JSONValue.Member] {
        map { JSONValue.Member("\(path).\($0.key)", $0.value) }
    }
}

extension Extensions {
    /// Members of Gemini's that stood right in the object `path`, by their own names.
    func written(under path: String) -> [JSONValue.Member] {
        written(.gemini).compactMap { member in
            guard member.key.hasPrefix(path + ".") else { return nil }
            let name = member.key.dropFirst(path.count + 1)
            guard !name.hasPrefix("functionCallingConfig.") else { return nil }
            return JSONValue.Member(String(name), member.value)
        }
    }
}
