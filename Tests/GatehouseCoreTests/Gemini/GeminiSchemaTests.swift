import GatehouseCore
import Testing

/// JSON schemas as Gemini's `Schema`, and back.
@Suite struct GeminiSchemaTests {
    private func openAPI(_ text: String) throws -> String {
        GeminiSchema.openAPI(try JSONValue(parsing: text.utf8)).sorted.text
    }

    private func expect(_ schema: String, becomes expected: String) throws {
        #expect(try openAPI(schema) == JSONValue(parsing: expected.utf8).sorted.text)
    }

    @Test func typesWithNullBecomeNullable() throws {
        try expect(#"{"type":["string","null"]}"#, becomes: #"{"type":"STRING","nullable":true}"#)
        try expect(
            #"{"anyOf":[{"type":"integer"},{"type":"null"}],"description":"d"}"#,
            becomes: #"{"type":"INTEGER","nullable":true,"description":"d"}"#)
        try expect(
            #"{"type":["string","integer"]}"#, becomes: #"{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}"#)
    }

    @Test func keywordsOfJSONSchemaAloneAreLeftOut() throws {
        try expect(
            #"""
            {"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","type":"object","additionalProperties":false,
             "patternProperties":{"a":{}},"properties":{"a":{"type":"string","format":"uri","examples":["b"]}},
             "required":["a","gone"]}
            """#,
            becomes: #"{"type":"OBJECT","properties":{"a":{"type":"STRING"}},"required":["a"]}"#)
    }

    @Test func propertiesNamedLikeKeywordsAreData() throws {
        try expect(
            #"""
            {"type":"object","properties":{"type":{"type":"string"},"ref":{"type":"string"},"$ref":{"type":"integer"},
             "format":{"type":"string"},"properties":{"type":"boolean"},"const":{"type":"string"},
             "additionalProperties":{"type":"string"}},"required":["type","$ref"]}
            """#,
            becomes: #"""
                {"type":"OBJECT","properties":{"type":{"type":"STRING"},"ref":{"type":"STRING"},"$ref":{"type":"INTEGER"},
                 "format":{"type":"STRING"},"properties":{"type":"BOOLEAN"},"const":{"type":"STRING"},
                 "additionalProperties":{"type":"STRING"}},"required":["type","$ref"]}
                """#)
    }

    @Test func referencesArePutInPlace() throws {
        try expect(
            ##"""
            {"type":"object","properties":{"a":{"$ref":"#/$defs/A","description":"mine"}},
             "$defs":{"A":{"type":"string","description":"its","enum":["x"]}}}
            """##,
            becomes: #"{"type":"OBJECT","properties":{"a":{"type":"STRING","description":"mine","enum":["x"]}}}"#)
        try expect(
            ##"{"properties":{"a":{"$ref":"#/definitions/a~1b"}},"definitions":{"a/b":{"type":"number"}}}"##,
            becomes: #"{"type":"OBJECT","properties":{"a":{"type":"NUMBER"}}}"#)
    }

    @Test func aSchemaThatHoldsItselfEnds() throws {
        let text = try openAPI(
            ##"{"$defs":{"N":{"type":"object","properties":{"next":{"$ref":"#/$defs/N"}}}},"$ref":"#/$defs/N"}"##)
        #expect(text == #"{"properties":{"next":{"type":"OBJECT"}},"type":"OBJECT"}"#)
    }

    @Test func referencesThatMultiplyAreBounded() throws {
        var definitions: [String] = []
        for index in 0..<30 {
            let next = ##"{"$ref":"#/$defs/L\##(index + 1)"}"##
            definitions.append(##""L\##(index)":{"type":"object","properties":{"a":\##(next),"b":\##(next)}}"##)
        }
        definitions.append(#""L30":{"type":"string"}"#)
        let text = try openAPI(##"{"$ref":"#/$defs/L0","$defs":{\##(definitions.joined(separator: ","))}}"##)
        #expect(text.utf8.count < 4_000_000)
    }

    @Test func constAndEnumKeepTheirType() throws {
        try expect(#"{"const":"x"}"#, becomes: #"{"type":"STRING","enum":["x"]}"#)
        try expect(
            #"{"type":"integer","enum":[1,2]}"#, becomes: #"{"type":"INTEGER","description":"One of: 1, 2."}"#)
        try expect(
            #"{"enum":["a",null]}"#, becomes: #"{"type":"STRING","enum":["a"],"nullable":true}"#)
    }

    @Test func openBoundsAreClosed() throws {
        try expect(
            #"{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}"#,
            becomes: #"{"type":"INTEGER","minimum":1,"maximum":9}"#)
        try expect(#"{"type":"number","exclusiveMinimum":0.5}"#, becomes: #"{"type":"NUMBER","minimum":0.5}"#)
    }

    @Test func alternativesAndJoinsAreTranslated() throws {
        try expect(
            #"{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}"#,
            becomes: #"{"anyOf":[{"type":"STRING"},{"type":"ARRAY","items":{"type":"STRING"}}]}"#)
        try expect(
            ##"""
            {"allOf":[{"$ref":"#/$defs/A"},{"properties":{"b":{"type":"string"}},"required":["b"]}],
             "$defs":{"A":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}}
            """##,
            becomes:
                #"{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"STRING"}},"required":["a","b"]}"#)
    }

    @Test func arraysSayWhatTheyHold() throws {
        try expect(#"{"type":"array"}"#, becomes: #"{"type":"ARRAY","items":{"type":"STRING"}}"#)
        try expect(
            #"{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]}"#,
            becomes: #"{"type":"ARRAY","items":{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}}"#)
    }

    @Test func geminiSchemasBecomeJSONSchemas() throws {
        let schema = try JSONValue(
            parsing: #"""
                {"type":"OBJECT","propertyOrdering":["a"],"properties":{"a":{"type":"STRING","nullable":true,"enum":["x"]},
                 "type":{"type":"ARRAY","items":{"type":"INTEGER"},"minItems":"1"},
                 "b":{"any_of":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}}}
                """#.utf8)
        let expected = try JSONValue(
            parsing: #"""
                {"type":"object","properties":{"a":{"type":["string","null"],"enum":["x",null]},
                 "type":{"type":"array","items":{"type":"integer"},"minItems":1},
                 "b":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}}}
                """#.utf8)
        #expect(GeminiSchema.jsonSchema(schema).sorted == expected.sorted)
    }
}
