/// Turns JSON schemas into the subset of OpenAPI 3.0 that Gemini's `Schema` object is (ai.google.dev/api/caching#Schema),
/// and back.
package enum GeminiSchema {
    /// The JSON schema as a `Schema`, for models that take no JSON schema: references are put in place, alternatives and
    /// types with `null` become `anyOf` and `nullable`, and what the subset cannot say is left out.
    package static func openAPI(_ schema: JSONValue) -> JSONValue {
        var converter = GeminiSchemaConverter(root: schema)
        return converter.convert(schema, within: [])
    }

    /// The `Schema` as a JSON schema: types in small letters, `nullable` as a type or an alternative.
    package static func jsonSchema(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .object(let members): jsonSchema(members)
        default: schema
        }
    }

    private static func jsonSchema(_ members: [JSONValue.Member]) -> JSONValue {
        var written: [JSONValue.Member] = []
        for member in members {
            let key = camelNames[member.key] ?? member.key
            switch (key, member.value) {
            case ("type", .string(let type)): written.append(JSONValue.Member("type", .string(type.lowercased())))
            case ("nullable", _), ("propertyOrdering", _), ("example", _): continue
            case ("properties", .object(let properties)), ("$defs", .object(let properties)),
                ("defs", .object(let properties)):
                let converted = properties.map { JSONValue.Member($0.key, jsonSchema($0.value)) }
                written.append(JSONValue.Member(key == "defs" ? "$defs" : key, .object(converted)))
            case ("items", _), ("additionalProperties", _):
                written.append(JSONValue.Member(key, jsonSchema(member.value)))
            case ("anyOf", .array(let schemas)), ("prefixItems", .array(let schemas)):
                written.append(JSONValue.Member(key, .array(schemas.map(jsonSchema))))
            case (_, .string(let digits)) where counts.contains(key) && Int(digits) != nil:
                // 64-bit numbers are strings in Google's JSON.
                written.append(JSONValue.Member(key, .number(digits)))
            case ("ref", _): written.append(JSONValue.Member("$ref", member.value))
            default: written.append(JSONValue.Member(key, member.value))
            }
        }
        let isNullable = members.contains { $0.key == "nullable" && $0.value.bool == true }
        return isNullable ? nullable(.object(written)) : .object(written)
    }

    private static func nullable(_ schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema else { return schema }
        if let index = members.firstIndex(where: { $0.key == "type" }), case .string = members[index].value {
            members[index].value = .array([members[index].value, .string("null")])
            if let values = members.firstIndex(where: { $0.key == "enum" }), let list = members[values].value.array {
                members[values].value = .array(list + [.null])
            }
            return .object(members)
        }
        guard let index = members.firstIndex(where: { $0.key == "anyOf" }), let list = members[index].value.array
        else { return schema }
        members[index].value = .array(list + [.object(["type": .string("null")])])
        return .object(members)
    }

    private static let camelNames = [
        "any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength",
        "max_length": "maxLength", "min_properties": "minProperties", "max_properties": "maxProperties",
        "property_ordering": "propertyOrdering", "prefix_items": "prefixItems",
        "additional_properties": "additionalProperties",
    ]

    private static let counts: Set<String> = [
        "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
    ]
}
