/// One conversion of a JSON schema into the subset of OpenAPI that Gemini takes. It recurses along the schema, which a parse keeps shallow, and along references, which end where
/// they meet themselves; together it makes at most `maximumNodes` objects.
struct GeminiSchemaConverter {
    private static let maximumNodes = 5_000
    private static let maximumDepth = 48

    let root: JSONValue
    private var nodes = 0

    init(root: JSONValue) { self.root = root }

    /// - Parameter references: The references that are being put in place.
    mutating func convert(_ schema: JSONValue, within references: [String], depth: Int = 0) -> JSONValue {
        nodes += 1
        guard case .object(let members) = schema, nodes <= Self.maximumNodes, depth <= Self.maximumDepth else {
            return .object([])
        }
        if let reference = schema["$ref"]?.string {
            return refer(reference, beside: members, within: references, depth: depth)
        }
        if let parts = schema["allOf"]?.array {
            let rest = members.filter { $0.key != "allOf" }
            return convert(merge([.object(rest)] + parts), within: references, depth: depth + 1)
        }
        return plain(schema, members, within: references, depth: depth)
    }

    private mutating func plain(
        _ schema: JSONValue, _ members: [JSONValue.Member], within references: [String], depth: Int
    ) -> JSONValue {
        var written = annotations(members)
        var isNullable = schema["nullable"]?.bool == true
        let types = self.types(schema, isNullable: &isNullable)
        if let options = alternatives(schema) {
            let kept = options.filter { $0["type"]?.string != "null" }
            isNullable = isNullable || kept.count < options.count
            let converted = kept.map { convert($0, within: references, depth: depth + 1) }
            if converted.count == 1 {
                written = JSONValue.object(written).adding(converted[0].object ?? []).object ?? []
            } else {
                written.append(JSONValue.Member("anyOf", .array(converted)))
            }
        } else if types.count > 1 {
            let options = types.map { type in
                JSONValue.object(
                    [JSONValue.Member("type", .string(type.uppercased()))]
                        + body(schema, type, within: references, depth: depth))
            }
            written.append(JSONValue.Member("anyOf", .array(options)))
        } else if let type = types.first {
            written.append(JSONValue.Member("type", .string(type.uppercased())))
            written += body(schema, type, within: references, depth: depth)
        }
        written = described(written, schema, types)
        if isNullable { written.append(JSONValue.Member("nullable", .bool(true))) }
        return .object(written)
    }

    /// The schemas one of which must hold; `nil` when there are none, or when they only narrow an object that is
    /// described already.
    private func alternatives(_ schema: JSONValue) -> [JSONValue]? {
        guard schema["properties"] == nil, let options = schema["anyOf"]?.array ?? schema["oneOf"]?.array,
            options.contains(where: { $0["type"]?.string != "null" })
        else { return nil }
        return options
    }

    // MARK: References and joins

    private mutating func refer(
        _ reference: String, beside members: [JSONValue.Member], within references: [String], depth: Int
    ) -> JSONValue {
        let beside = annotations(members)
        guard !references.contains(reference), let target = resolve(reference) else {
            // It holds itself: any object may stand here.
            return .object(beside + [JSONValue.Member("type", .string("OBJECT"))])
        }
        let converted = convert(target, within: references + [reference], depth: depth + 1)
        return JSONValue.object(beside).adding(converted.object ?? [])
    }

    /// A JSON pointer into the schema itself (RFC 6901), as `$ref` has it.
    private func resolve(_ reference: String) -> JSONValue? {
        guard reference.hasPrefix("#") else { return nil }
        var value = root
        for token in reference.dropFirst().split(separator: "/") {
            let key = Self.unescape(String(token))
            guard let next = value[key] ?? Int(key).flatMap({ value[$0] }) else { return nil }
            value = next
        }
        return value
    }

    /// `~1` stands for `/` and `~0` for `~`.
    private static func unescape(_ token: String) -> String {
        var out = ""
        var isEscape = false
        for character in token {
            if isEscape {
                out += character == "1" ? "/" : character == "0" ? "~" : "~\(character)"
                isEscape = false
            } else if character == "~" {
                isEscape = true
            } else {
                out.append(character)
            }
        }
        return out
    }

    /// All of them at once: properties and required names together, of other members the first.
    private func merge(_ schemas: [JSONValue]) -> JSONValue {
        var members: [JSONValue.Member] = []
        for schema in schemas {
            var next = schema
            var seen = 0
            while let reference = next["$ref"]?.string, let target = resolve(reference), seen < 8 {
                next = target
                seen += 1
            }
            for member in next.object ?? [] where Self.joined.contains(member.key) {
                guard let index = members.firstIndex(where: { $0.key == member.key }) else {
                    members.append(member)
                    continue
                }
                switch (member.key, members[index].value, member.value) {
                case ("properties", let own, .object(let more)): members[index].value = own.adding(more)
                case ("required", .array(let own), .array(let more)):
                    let names = Set(own.compactMap(\.string))
                    members[index].value = .array(own + more.filter { $0.string.map(names.contains) == false })
                case ("allOf", .array(let own), .array(let more)): members[index].value = .array(own + more)
                default: continue
                }
            }
        }
        return .object(members)
    }

    /// Keywords that mean something to this conversion.
    private static let joined: Set<String> = [
        "type", "title", "description", "nullable", "properties", "required", "propertyOrdering", "items",
        "prefixItems", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minProperties", "maxProperties", "anyOf",
        "oneOf", "allOf",
    ]

    // MARK: Keywords

    /// The types a value may have, without `null`.
    private func types(_ schema: JSONValue, isNullable: inout Bool) -> [String] {
        let named: [String] =
            switch schema["type"] {
            case .string(let type)?: [type.lowercased()]
            case .array(let types)?: types.compactMap { $0.string?.lowercased() }
            default: []
            }
        let values = schema["enum"]?.array ?? schema["const"].map { [$0] } ?? []
        if named.contains("null") || values.contains(.null) { isNullable = true }
        let types = named.filter { $0 != "null" }
        if !types.isEmpty { return types }
        if !named.isEmpty { return ["string"] }
        if schema["properties"] != nil { return ["object"] }
        if schema["items"] != nil || schema["prefixItems"] != nil { return ["array"] }
        guard let value = values.first(where: { !$0.isNull }) else { return [] }
        return switch value {
        case .string: ["string"]
        case .number: [value.int == nil ? "number" : "integer"]
        case .bool: ["boolean"]
        default: []
        }
    }

    private func annotations(_ members: [JSONValue.Member]) -> [JSONValue.Member] {
        members.filter { ($0.key == "title" || $0.key == "description") && $0.value.string != nil }
    }

    /// What a schema says of values of one type.
    private mutating func body(
        _ schema: JSONValue, _ type: String, within references: [String], depth: Int
    ) -> [JSONValue.Member] {
        switch type {
        case "object": return object(schema, within: references, depth: depth)
        case "array": return array(schema, within: references, depth: depth)
        case "string":
            var members = kept(schema, ["minLength", "maxLength", "pattern"])
            if let format = schema["format"]?.string, format == "date-time" || format == "enum" {
                members.append(JSONValue.Member("format", .string(format)))
            }
            let values = (schema["enum"]?.array ?? schema["const"].map { [$0] } ?? []).filter { $0.string != nil }
            return values.isEmpty ? members : members + [JSONValue.Member("enum", .array(values))]
        case "integer", "number":
            var members = kept(schema, ["minimum", "maximum"])
            if let format = schema["format"]?.string, ["int32", "int64", "float", "double"].contains(format) {
                members.append(JSONValue.Member("format", .string(format)))
            }
            bound("minimum", schema["exclusiveMinimum"], step: 1, type, &members)
            bound("maximum", schema["exclusiveMaximum"], step: -1, type, &members)
            return members
        default: return []
        }
    }

    private func kept(_ schema: JSONValue, _ keys: [String]) -> [JSONValue.Member] {
        keys.compactMap { key in schema[key].map { JSONValue.Member(key, $0) } }
    }

    /// An open bound as a closed one: exact for whole numbers, the nearest there is for others.
    private func bound(
        _ key: String, _ open: JSONValue?, step: Int, _ type: String, _ members: inout [JSONValue.Member]
    ) {
        guard let open, open.numberText != nil, !members.contains(where: { $0.key == key }) else { return }
        guard type == "integer", let number = open.int else {
            members.append(JSONValue.Member(key, open))
            return
        }
        members.append(JSONValue.Member(key, .int(number &+ step)))
    }

    private mutating func object(
        _ schema: JSONValue, within references: [String], depth: Int
    ) -> [JSONValue.Member] {
        let properties = schema["properties"]?.object ?? []
        guard !properties.isEmpty else { return [] }
        let converted = properties.map { member in
            JSONValue.Member(member.key, convert(member.value, within: references, depth: depth + 1))
        }
        var members = [JSONValue.Member("properties", .object(converted))]
        // A required name that is no property is refused.
        let names = Set(properties.map(\.key))
        let required = (schema["required"]?.array ?? []).filter { name in name.string.map(names.contains) == true }
        if !required.isEmpty { members.append(JSONValue.Member("required", .array(required))) }
        return members + kept(schema, ["minProperties", "maxProperties", "propertyOrdering"])
    }

    private mutating func array(
        _ schema: JSONValue, within references: [String], depth: Int
    ) -> [JSONValue.Member] {
        let members = kept(schema, ["minItems", "maxItems"])
        let places = schema["prefixItems"]?.array ?? schema["items"]?.array
        if let places {
            let converted = places.map { convert($0, within: references, depth: depth + 1) }
            let items: JSONValue =
                converted.count == 1 ? converted[0] : .object(["anyOf": .array(converted)])
            return members + [JSONValue.Member("items", items)]
        }
        // An array must say what it holds.
        guard let items = schema["items"], items.object?.isEmpty == false else {
            return members + [JSONValue.Member("items", .object(["type": .string("STRING")]))]
        }
        return members + [JSONValue.Member("items", convert(items, within: references, depth: depth + 1))]
    }

    /// Values that only a description can name: a list of numbers, for `enum` takes texts alone.
    private func described(
        _ members: [JSONValue.Member], _ schema: JSONValue, _ types: [String]
    ) -> [JSONValue.Member] {
        let values = (schema["enum"]?.array ?? schema["const"].map { [$0] } ?? []).filter {
            $0.string == nil && !$0.isNull
        }
        guard !values.isEmpty else { return members }
        let note = "One of: " + values.map(\.text).joined(separator: ", ") + "."
        var members = members
        if let index = members.firstIndex(where: { $0.key == "description" }), let text = members[index].value.string {
            members[index].value = .string(text + " " + note)
        } else {
            members.append(JSONValue.Member("description", .string(note)))
        }
        return members
    }
}
