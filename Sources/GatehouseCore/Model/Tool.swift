/// Something a model may call.
package struct Tool: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// A function of the caller; `parameters` is a JSON schema.
        case function(parameters: JSONValue?)
        /// A function of the caller that takes free text; `format` is the dialect's own description of it.
        case custom(format: JSONValue?)
        /// A tool that the vendor runs or defines itself (web search, code execution, computer use): `definition` is its
        /// whole object, which only `dialect` understands.
        case server(dialect: Dialect, type: String, definition: JSONValue)
    }

    package var kind: Kind
    /// Empty for a vendor's tool without a name.
    package var name: String
    package var description: String?
    /// Arguments must follow the schema exactly.
    package var strict: Bool?
    package var cache: CacheMarker?
    package var extensions = Extensions()

    package init(_ kind: Kind, name: String, description: String? = nil, strict: Bool? = nil) {
        self.kind = kind
        self.name = name
        self.description = description
        self.strict = strict
    }
}

/// Which tools the model may or must call.
package enum ToolChoice: Sendable, Equatable {
    case auto
    case none
    /// At least one, whichever.
    case required
    /// This one.
    case tool(name: String)
    /// One of these; `isRequired` when one of them must be called.
    case allowed(names: [String], isRequired: Bool)
    /// A choice that only its own dialect can say (a vendor's tool).
    case native(Dialect, JSONValue)
}
