/// One message of a conversation.
package struct Message: Sendable, Equatable {
    package enum Role: String, Sendable {
        case system, user, assistant
        /// Results of the caller's functions.
        case tool
    }

    package var role: Role
    package var parts: [Part]
    /// The name of who speaks, where the dialect has one.
    package var name: String?
    package var extensions = Extensions()

    package init(role: Role, parts: [Part], name: String? = nil) {
        self.role = role
        self.parts = parts
        self.name = name
    }

    /// The texts of all parts, joined with `separator`.
    package func text(separator: String = "") -> String { parts.texts.joined(separator: separator) }
}

/// One piece of a message or of an answer.
package struct Part: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case text(String)
        /// The model declined, in words.
        case refusal(String)
        case image(Media)
        case audio(Media)
        case video(Media)
        case document(Media)
        case thinking(Thinking)
        case toolCall(ToolCall)
        case toolResult(ToolResult)
        /// What only its own dialect can say: a vendor's tool at work, a marker, a kind of part this gateway does not
        /// know. `type` names it for errors and reports.
        case native(Dialect, type: String, JSONValue)
    }

    package var content: Content
    /// What the text quotes, in order.
    package var citations: [Citation] = []
    /// The vendor's seal on this part; it goes back to the same vendor byte for byte, or not at all.
    package var signature: Signature?
    package var cache: CacheMarker?
    package var extensions = Extensions()

    package init(_ content: Content, signature: Signature? = nil) {
        self.content = content
        self.signature = signature
    }

    package static func text(_ text: String) -> Part { Part(.text(text)) }

    /// The text of a text part.
    package var text: String? { if case .text(let text) = content { text } else { nil } }

    package var toolCall: ToolCall? { if case .toolCall(let call) = content { call } else { nil } }

    package var toolResult: ToolResult? { if case .toolResult(let result) = content { result } else { nil } }

    package var thinking: Thinking? { if case .thinking(let thinking) = content { thinking } else { nil } }

    /// A word for the kind of part, for errors and reports.
    package var kindName: String {
        switch content {
        case .text: "text"
        case .refusal: "refusal"
        case .image: "image"
        case .audio: "audio"
        case .video: "video"
        case .document: "document"
        case .thinking: "thinking"
        case .toolCall: "tool call"
        case .toolResult: "tool result"
        case .native(_, let type, _): type
        }
    }
}

extension [Part] {
    /// The texts of the text parts.
    package var texts: [String] { compactMap(\.text) }
}

/// A seal that a vendor put on its own words.
package struct Signature: Sendable, Equatable {
    /// Whose it is: the dialect in which it came.
    package var dialect: Dialect
    /// Exactly as it came.
    package var value: String

    package init(_ dialect: Dialect, _ value: String) {
        self.dialect = dialect
        self.value = value
    }
}

/// An image, a sound, a film or a document.
package struct Media: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// `https:`, `gs:`, `s3:` ... as the caller wrote it; `data:` URLs become `base64`.
        case url(String)
        /// Base64 as it came.
        case base64(String)
        /// The id of a file that the vendor keeps, or this gateway.
        case file(String)
        /// The text of a document itself.
        case text(String)
    }

    package var source: Source
    /// `image/png` ...; `nil` where the caller did not say.
    package var mediaType: String?
    /// A document's name or title.
    package var name: String?
    /// How closely to look: `low`, `high`, `auto`, as the caller wrote it.
    package var detail: String?

    package init(_ source: Source, mediaType: String? = nil, name: String? = nil, detail: String? = nil) {
        self.source = source
        self.mediaType = mediaType
        self.name = name
        self.detail = detail
    }

    /// Reads a URL as dialects with one field for both write it: `data:TYPE;base64,DATA` or any other.
    package init(url: String, name: String? = nil, detail: String? = nil) {
        self.init(.url(url), name: name, detail: detail)
        guard url.utf8.prefix(5).elementsEqual("data:".utf8), let comma = url.firstIndex(of: ",") else { return }
        let head = url[url.index(url.startIndex, offsetBy: 5)..<comma]
        guard head.hasSuffix(";base64") else { return }
        source = .base64(String(url[url.index(after: comma)...]))
        let type = head.prefix { $0 != ";" }
        mediaType = type.isEmpty ? nil : String(type)
    }

    /// The other way round; `nil` for a file's id or a text.
    package var url: String? {
        switch source {
        case .url(let url): url
        case .base64(let data): "data:\(mediaType ?? "application/octet-stream");base64,\(data)"
        case .file, .text: nil
        }
    }
}

/// What a model thought. The part's `signature` seals it.
package struct Thinking: Sendable, Equatable {
    package var text: String
    /// The vendor shows nothing of it: the signature holds all there is.
    package var isRedacted = false
    /// The vendor's id of this piece, where it has one.
    package var id: String?

    package init(_ text: String, isRedacted: Bool = false, id: String? = nil) {
        self.text = text
        self.isRedacted = isRedacted
        self.id = id
    }
}

/// A call of a function that the caller must carry out.
package struct ToolCall: Sendable, Equatable {
    package var id: String
    package var name: String
    /// JSON text exactly as the model wrote it; free text when `isCustom`.
    package var arguments: String
    package var isCustom = false

    package init(id: String, name: String, arguments: String, isCustom: Bool = false) {
        self.id = id
        self.name = name
        self.arguments = arguments
        self.isCustom = isCustom
    }
}

/// What a function answered.
package struct ToolResult: Sendable, Equatable {
    /// The id of the call it answers.
    package var callID: String
    /// The function's name, where the dialect says it.
    package var name: String?
    package var content: [Part]
    package var isError = false

    package init(callID: String, name: String? = nil, content: [Part], isError: Bool = false) {
        self.callID = callID
        self.name = name
        self.content = content
        self.isError = isError
    }
}

/// Where a text has something from.
package struct Citation: Sendable, Equatable {
    package var url: String?
    package var title: String?
    /// The words that are quoted.
    package var quote: String?
    /// Offsets in the text of the answer, in the vendor's unit, where it tells them.
    package var start: Int?
    package var end: Int?
    /// The whole as it came, in the extension of its dialect.
    package var extensions = Extensions()

    package init(url: String? = nil, title: String? = nil, quote: String? = nil, start: Int? = nil, end: Int? = nil) {
        self.url = url
        self.title = title
        self.quote = quote
        self.start = start
        self.end = end
    }
}
