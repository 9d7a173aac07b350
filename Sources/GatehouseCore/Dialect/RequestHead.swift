package import NIOCore

/// What the gateway must know of a request in any dialect, with the places of what it may have to change.
///
/// The whole body is checked on the way; nothing of it is copied but the model's name.
package struct RequestHead: Sendable, Equatable {
    package var model: String
    package var stream: Bool
    /// Whether the caller wants the usage of a stream (`stream_options.include_usage`).
    package var wantsUsage: Bool
    /// `max_completion_tokens`, else `max_tokens`.
    package var maxTokens: Int?
    package var hasTools: Bool
    /// The input stands in a request inside the body, or there are several: Gemini's counts and embeddings.
    package var isNested: Bool
    /// Responses: the id of the answer that this one goes on from.
    package var previousResponse: String?
    /// The native API: the session that the body names, and whether it names files.
    package var session: String?
    package var namesFiles = false
    /// The native API and Responses: the call is to go on without its caller.
    package var isBackground = false
    /// The native API: the request is one prompt, not a conversation.
    package var isPrompt = false

    /// The quoted value of `model`; `nil` where the path names the model.
    var modelRange: Range<Int>?
    /// The value of `stream`.
    var streamRange: Range<Int>?
    /// The keys `max_completion_tokens` (`nil` beside `max_tokens`) and `seed`, without their quotes.
    var limitKey: Range<Int>?
    var seedKey: Range<Int>?
    var streamOptions: StreamOptions
    /// `stream_options` with one of the commas around it; `nil` when it is absent.
    var streamOptionsMember: Range<Int>?
    /// Whether the dialect has `stream_options` at all: others refuse it.
    var hasStreamOptions: Bool

    /// What `stream_options` is, and where.
    enum StreamOptions: Sendable, Equatable {
        case absent
        case null(Range<Int>)
        /// `bodyStart` is behind the opening brace; `includeUsage` the value of that member.
        case object(bodyStart: Int, isEmpty: Bool, includeUsage: Range<Int>?)
    }
}

extension RequestHead {
    /// Checks a body and reads its head.
    ///
    /// - Throws: `GatehouseError` with `invalid_json`, `json_too_deep`, `missing_field` or `invalid_value`; its `param`
    ///   names the field.
    ///
    /// - Parameter target: The model and whether to stream, where the path says it instead of the body.
    package init(
        scanning body: ByteBuffer, operation: Operation, target: PathTarget? = nil
    ) throws(GatehouseError) {
        let bytes = body.readableBytesUInt8Span
        if let offset = UTF8Check.firstInvalid(bytes) { throw Self.error(JSONSyntaxError(.invalidUTF8, at: offset)) }
        do throws(Scan.Problem) {
            var scan = try Scan(bytes, operation: operation, target: target)
            self = try scan.head(bytes)
        } catch {
            switch error {
            case .syntax(let error): throw Self.error(error)
            case .field(let error): throw error
            }
        }
    }

    /// The edits that turn the caller's body into the one for the target.
    ///
    /// - Parameters:
    ///   - model: The model's name as the target knows it.
    ///   - habits: How the target's form of the dialect differs from the vendor's own.
    package func splice(model target: String, habits: RequestHabits) -> JSONSplice {
        var splice = JSONSplice()
        if let modelRange, target != model { splice.replace(modelRange, with: JSONText.quoted(target)) }
        if let name = habits.limitName, let limitKey { splice.replace(limitKey, with: Array(name.utf8)) }
        if let name = habits.seedName, let seedKey { splice.replace(seedKey, with: Array(name.utf8)) }
        guard hasStreamOptions else { return splice }
        if !habits.takesStreamOptions {
            if let streamOptionsMember { splice.replace(streamOptionsMember, with: []) }
            return splice
        }
        guard stream, !wantsUsage, let streamRange else { return splice }
        switch streamOptions {
        case .absent:
            let end = streamRange.upperBound
            splice.replace(end..<end, with: Array(#","stream_options":{"include_usage":true}"#.utf8))
        case .null(let range):
            splice.replace(range, with: Array(#"{"include_usage":true}"#.utf8))
        case .object(_, _, .some(let range)):
            splice.replace(range, with: Array("true".utf8))
        case .object(let start, let isEmpty, nil):
            splice.replace(start..<start, with: Array((#""include_usage":true"# + (isEmpty ? "" : ",")).utf8))
        }
        return splice
    }

    private static func error(_ error: JSONSyntaxError) -> GatehouseError {
        GatehouseError(error.kind == .tooDeep ? .jsonTooDeep : .invalidJSON, JSONText.explain(error))
    }
}

/// How a target's requests differ from those of the vendor whose dialect it speaks.
package struct RequestHabits: Sendable, Equatable {
    /// `stream_options` is understood, so that the usage of a stream can be asked for. Where it is not, the usage is told
    /// without being asked for.
    package var takesStreamOptions: Bool
    /// What it calls `max_completion_tokens`.
    package var limitName: String?
    /// What it calls `seed`.
    package var seedName: String?

    package init(takesStreamOptions: Bool = true, limitName: String? = nil, seedName: String? = nil) {
        self.takesStreamOptions = takesStreamOptions
        self.limitName = limitName
        self.seedName = seedName
    }

    /// As the vendor has it.
    package static let usual = RequestHabits()
}

/// What a path says of a call: Gemini names the model there.
package struct PathTarget: Sendable, Equatable {
    package var model: String
    package var stream: Bool
    /// The stream is wanted as a JSON array, not as events.
    package var asArray: Bool

    package init(model: String, stream: Bool, asArray: Bool = false) {
        self.model = model
        self.stream = stream
        self.asArray = asArray
    }
}

/// Reads the members of the body one after the other.
private struct Scan {
    enum Problem: Error {
        case syntax(JSONSyntaxError)
        case field(GatehouseError)
    }

    private let operation: Operation
    private let target: PathTarget?
    /// The member without which the request asks for nothing.
    private let input: Input
    private var object: JSONObjectReader
    private var model: (name: String, range: Range<Int>)?
    private var stream = false
    private var streamRange: Range<Int>?
    private var options = RequestHead.StreamOptions.absent
    private var optionsMember: Range<Int>?
    private var wantsUsage = false
    private var maxTokens: Int?
    private var maxCompletionTokens: Int?
    private var limitKey: Range<Int>?
    private var seedKey: Range<Int>?
    private var hasTools = false
    private var previousResponse: String?
    private var session: String?
    private var namesFiles = false
    private var isBackground = false
    private var isPrompt = false
    private var backend: String?
    private var hasInput = false
    private var isNested = false

    private struct Input {
        enum Kind { case messages, text, any }

        let name: StaticString
        /// A member that may stand in its place.
        let other: StaticString?
        let kind: Kind

        init(_ operation: Operation) {
            switch operation {
            case .chatCompletions, .messages, .countTokens: (name, other, kind) = ("messages", nil, .messages)
            case .completions, .images: (name, other, kind) = ("prompt", nil, .text)
            case .generate: (name, other, kind) = ("prompt", "messages", .any)
            case .responses, .embeddings, .speech: (name, other, kind) = ("input", nil, .text)
            case .generateContent: (name, other, kind) = ("contents", nil, .messages)
            case .geminiCountTokens: (name, other, kind) = ("contents", "generateContentRequest", .any)
            case .embedContent: (name, other, kind) = ("content", "requests", .any)
            case .moderations: (name, other, kind) = ("input", nil, .any)
            case .rerank: (name, other, kind) = ("documents", nil, .any)
            case .transcriptions, .translations: (name, other, kind) = ("file", nil, .any)
            }
        }
    }

    init(_ bytes: Span<UInt8>, operation: Operation, target: PathTarget?) throws(Problem) {
        self.operation = operation
        self.target = target
        input = Input(operation)
        do {
            object = try JSONObjectReader(bytes, at: 0, uniqueKeys: true)
        } catch {
            throw .syntax(error)
        }
    }

    mutating func head(_ bytes: Span<UInt8>) throws(Problem) -> RequestHead {
        while let key = try read({ object throws(JSONSyntaxError) in try object.nextKey(bytes) }) {
            try member(key, bytes)
        }
        try read { object throws(JSONSyntaxError) in try object.expectEnd(bytes) }
        guard target != nil || model != nil || backend != nil else {
            throw .field(GatehouseError(.missingField, "The field model is missing.", param: "model"))
        }
        guard hasInput else {
            throw .field(
                GatehouseError(.missingField, "The field \(input.name) is missing.", param: "\(input.name)"))
        }
        let named = [backend, model?.name].compactMap { $0 }.joined(separator: "/")
        return head(target?.model ?? named, model?.range, stream: target?.stream ?? stream)
    }

    private func head(_ model: String, _ range: Range<Int>?, stream: Bool) -> RequestHead {
        RequestHead(
            model: model, stream: stream, wantsUsage: wantsUsage, maxTokens: maxCompletionTokens ?? maxTokens,
            hasTools: hasTools, isNested: isNested, previousResponse: previousResponse, session: session,
            namesFiles: namesFiles, isBackground: isBackground, isPrompt: isPrompt, modelRange: range,
            streamRange: streamRange,
            limitKey: maxTokens == nil ? limitKey : nil, seedKey: seedKey, streamOptions: options,
            streamOptionsMember: optionsMember, hasStreamOptions: hasStreamOptions)
    }

    private mutating func read<Result>(
        _ body: (inout JSONObjectReader) throws(JSONSyntaxError) -> Result
    ) throws(Problem) -> Result {
        do { return try body(&object) } catch { throw .syntax(error) }
    }

    private mutating func member(_ key: JSONStringRange, _ bytes: Span<UInt8>) throws(Problem) {
        if hasStreamOptions, JSONObjectReader.isKey(key, "stream_options", bytes) {
            return try streamOptions(key, bytes)
        }
        let value = try read { object throws(JSONSyntaxError) in try object.skipValue(bytes) }
        func named(_ name: StaticString) -> Bool { JSONObjectReader.isKey(key, name, bytes) }
        if target == nil, named("model") {
            model = (try modelName(value, bytes), value.range)
        } else if target == nil, named("stream") {
            stream = try bool(value, bytes, "stream")
            streamRange = value.range
        } else if named(input.name) {
            try checkInput(value, bytes)
        } else if let other = input.other, named(other) {
            hasInput = true
            isNested = true
        } else if named("max_tokens") {
            maxTokens = try count(value, bytes, "max_tokens", 1...Self.largestTokenCount)
        } else if named("max_completion_tokens") {
            limitKey = key.content
            maxCompletionTokens = try count(value, bytes, "max_completion_tokens", 1...Self.largestTokenCount)
        } else if operation == .responses, value.kind != .null, Self.standsForInput(key, bytes) {
            hasInput = true
            // Of another type it is the target's to refuse.
            if named("previous_response_id") { previousResponse = string(value, bytes) }
        } else if operation == .generate, value.kind != .null, named("backend") {
            backend = try modelName(value, bytes, "backend")
        } else if operation == .generate, value.kind != .null, named("session_id") {
            session = try sessionName(value, bytes)
        } else if operation == .generate || operation == .responses, named("background") {
            isBackground = try bool(value, bytes, "background")
        } else if operation == .generate, named("files") {
            namesFiles = value.kind == .array
        } else if hasStreamOptions, named("seed") {
            seedKey = key.content
        } else if hasStreamOptions, named("n") {
            _ = try count(value, bytes, "n", 1...128)
        } else if named("tools") || named("functions") {
            hasTools = value.kind == .array && !isEmptyArray(value.range, bytes)
        }
    }

    /// Whether a request to Responses may do without `input` because of this member.
    private static func standsForInput(_ key: JSONStringRange, _ bytes: Span<UInt8>) -> Bool {
        JSONObjectReader.isKey(key, "previous_response_id", bytes) || JSONObjectReader.isKey(key, "prompt", bytes)
            || JSONObjectReader.isKey(key, "conversation", bytes)
    }

    private mutating func checkInput(
        _ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>
    ) throws(Problem) {
        hasInput = true
        isPrompt = operation == .generate && value.kind == .string
        switch input.kind {
        case .any: break
        case .text:
            guard value.kind == .string || value.kind == .array else {
                throw invalid("\(input.name)", "must be a string or an array")
            }
        case .messages:
            guard value.kind == .array, !isEmptyArray(value.range, bytes) else {
                throw invalid("\(input.name)", "must be an array with at least one message")
            }
        }
    }

    /// Beyond any model, and far from overflow where counts are added up.
    private static let largestTokenCount = 1 << 40

    private func invalid(_ param: String, _ rule: String) -> Problem {
        .field(GatehouseError(.invalidValue, "The field \(param) \(rule).", param: param))
    }

    private func modelName(
        _ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>, _ field: String = "model"
    ) throws(Problem) -> String {
        guard let name = string(value, bytes) else { throw invalid(field, "must be a string") }
        guard !name.isEmpty, name.utf8.count <= 256,
            name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "\u{7F}" })
        else { throw invalid(field, "must have 1 to 256 bytes and neither blanks nor control characters") }
        return name
    }

    private func sessionName(
        _ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>
    ) throws(Problem) -> String {
        guard let name = string(value, bytes), (1...256).contains(name.utf8.count),
            name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0 != "\u{7F}" })
        else { throw invalid("session_id", "must be a string of 1 to 256 bytes without control characters") }
        return name
    }

    /// `nil` for a value of another type.
    private func string(_ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>) -> String? {
        var index = value.range.lowerBound
        guard value.kind == .string, let range = try? JSONScanner.skipString(bytes, &index) else { return nil }
        return JSONScanner.string(bytes, range)
    }

    private func bool(
        _ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>, _ name: String
    ) throws(Problem) -> Bool {
        switch value.kind {
        case .bool: return bytes[value.range.lowerBound] == UInt8(ascii: "t")
        case .null: return false
        default: throw invalid(name, "must be true or false")
        }
    }

    private func count(
        _ value: (kind: JSONKind, range: Range<Int>), _ bytes: Span<UInt8>, _ name: String, _ bounds: ClosedRange<Int>
    ) throws(Problem) -> Int? {
        if value.kind == .null { return nil }
        guard value.kind == .number, let number = JSONScanner.integer(bytes, value.range), bounds.contains(number)
        else {
            throw invalid(name, "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    private func isEmptyArray(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        var index = range.lowerBound + 1
        JSONScanner.skipSpace(bytes, &index)
        return index < range.upperBound && bytes[index] == UInt8(ascii: "]")
    }

    private var hasStreamOptions: Bool { operation == .chatCompletions || operation == .completions }

    private mutating func streamOptions(_ key: JSONStringRange, _ bytes: Span<UInt8>) throws(Problem) {
        let value = try read { object throws(JSONSyntaxError) in try object.skipValue(bytes) }
        optionsMember = Self.member(from: key.content.lowerBound - 1, to: value.range.upperBound, bytes)
        switch value.kind {
        case .null: options = .null(value.range)
        case .object:
            do { try readStreamOptions(value.range, bytes) } catch { throw .syntax(error) }
            if case .object(_, _, .some(let range)) = options {
                let literal = bytes[range.lowerBound]
                guard literal == UInt8(ascii: "t") || literal == UInt8(ascii: "f") else {
                    throw invalid("stream_options/include_usage", "must be true or false")
                }
                wantsUsage = literal == UInt8(ascii: "t")
            }
        default: throw invalid("stream_options", "must be an object")
        }
    }

    /// A member with the comma behind it, or else the one before it.
    private static func member(from start: Int, to end: Int, _ bytes: Span<UInt8>) -> Range<Int> {
        var next = end
        JSONScanner.skipSpace(bytes, &next)
        if next < bytes.count, bytes[next] == UInt8(ascii: ",") { return start..<next + 1 }
        var before = start - 1
        while before > 0, JSONScanner.isSpace(bytes[before]) { before -= 1 }
        return before >= 0 && bytes[before] == UInt8(ascii: ",") ? before..<end : start..<end
    }

    private mutating func readStreamOptions(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        var inner = try JSONObjectReader(bytes, at: range.lowerBound)
        var includeUsage: Range<Int>?
        while let key = try inner.nextKey(bytes) {
            let isUsage = JSONObjectReader.isKey(key, "include_usage", bytes)
            let value = try inner.skipValue(bytes)
            if isUsage { includeUsage = value.range }
        }
        options = .object(bodyStart: inner.bodyStart, isEmpty: inner.count == 0, includeUsage: includeUsage)
    }
}
