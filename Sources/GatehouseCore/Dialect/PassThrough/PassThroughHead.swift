package import NIOCore

/// What the gateway must know of a JSON request that it passes through otherwise untouched: the model, and whether the
/// answer is a stream. The whole body is checked on the way; nothing of it is copied but the model's name.
package struct PassThroughHead: Sendable, Equatable {
    /// `nil` where the caller leaves the choice to the provider.
    package var model: String?
    package var stream = false
    /// The quoted value of `model`.
    private var modelRange: Range<Int>?
    /// Behind the opening brace.
    private var bodyStart = 0
    private var isEmpty = true

    /// - Parameter required: Members that must be there, in addition to what the surface itself demands.
    /// - Throws: `GatehouseError` with `invalid_json`, `json_too_deep`, `missing_field` or `invalid_value`; its `param`
    ///   names the field.
    package init(scanning body: ByteBuffer, required: [String]) throws(GatehouseError) {
        let bytes = body.readableBytesUInt8Span
        if let offset = UTF8Check.firstInvalid(bytes) { throw Self.error(JSONSyntaxError(.invalidUTF8, at: offset)) }
        var missing = required
        let members: [Member]
        do throws(JSONSyntaxError) {
            members = try read(bytes, &missing)
        } catch {
            throw Self.error(error)
        }
        for member in members {
            switch member.name {
            case .model: try take(model: member, bytes)
            case .stream: stream = try Self.flag(member, bytes)
            }
        }
        if let name = missing.first {
            throw GatehouseError(.missingField, "The field \(name) is missing.", param: name)
        }
    }

    /// The edit that puts the target's name of the model in.
    package func splice(model target: String) -> JSONSplice {
        var splice = JSONSplice()
        if let modelRange {
            if target != model { splice.replace(modelRange, with: JSONText.quoted(target)) }
        } else {
            let member = Array(#""model":"#.utf8) + JSONText.quoted(target) + (isEmpty ? [] : [UInt8(ascii: ",")])
            splice.replace(bodyStart..<bodyStart, with: member)
        }
        return splice
    }

    private struct Member {
        enum Name { case model, stream }
        var name: Name
        var kind: JSONKind
        var range: Range<Int>
    }

    /// Reads all members, and takes those that are there out of `missing`.
    private mutating func read(
        _ bytes: Span<UInt8>, _ missing: inout [String]
    ) throws(JSONSyntaxError) -> [Member] {
        var members: [Member] = []
        var object = try JSONObjectReader(bytes, at: 0, uniqueKeys: true)
        bodyStart = object.bodyStart
        while let key = try object.nextKey(bytes) {
            isEmpty = false
            let value = try object.skipValue(bytes)
            guard value.kind != .null else {
                if JSONObjectReader.isKey(key, "model", bytes) { modelRange = value.range }
                continue
            }
            if !missing.isEmpty {
                let name = JSONScanner.string(bytes, key)
                missing.removeAll { $0 == name }
            }
            if JSONObjectReader.isKey(key, "model", bytes) {
                members.append(Member(name: .model, kind: value.kind, range: value.range))
            } else if JSONObjectReader.isKey(key, "stream", bytes) {
                members.append(Member(name: .stream, kind: value.kind, range: value.range))
            }
        }
        try object.expectEnd(bytes)
        return members
    }

    private mutating func take(model member: Member, _ bytes: Span<UInt8>) throws(GatehouseError) {
        var index = member.range.lowerBound
        guard member.kind == .string, let range = try? JSONScanner.skipString(bytes, &index) else {
            throw JSONFields.invalid("model", "must be a string")
        }
        let name = JSONScanner.string(bytes, range)
        guard Self.isModelName(name) else {
            throw JSONFields.invalid("model", "must have 1 to 256 bytes and neither blanks nor control characters")
        }
        model = name
        modelRange = member.range
    }

    private static func flag(_ member: Member, _ bytes: Span<UInt8>) throws(GatehouseError) -> Bool {
        guard member.kind == .bool else { throw JSONFields.invalid("stream", "must be true or false") }
        return bytes[member.range.lowerBound] == UInt8(ascii: "t")
    }

    /// Whether a text can be the name of a model.
    static func isModelName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 256
            && name.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\u{7F}" }
    }

    private static func error(_ error: JSONSyntaxError) -> GatehouseError {
        GatehouseError(error.kind == .tooDeep ? .jsonTooDeep : .invalidJSON, JSONText.explain(error))
    }
}
