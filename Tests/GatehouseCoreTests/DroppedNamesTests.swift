import GatehouseCore
import Testing

/// `x-gatehouse-dropped-params` names what a target does not see, and nothing else.
@Suite struct DroppedNamesTests {
    private static let targets: [(dialect: Dialect, kind: String, model: String)] = [
        (.openAIChat, "openai-compatible", "m"), (.openAIChat, "mistral", "mistral-large-latest"),
        (.openAIResponses, "openai", "gpt-5.1"), (.anthropic, "anthropic", "claude-opus-4-6"),
        (.gemini, "gemini", "gemini-3-pro-preview"), (.bedrock, "bedrock", "anthropic.claude-opus-4-6-v1:0"),
        (.cohere, "cohere", "command-a-reasoning-08-2025"), (.ollama, "ollama", "gpt-oss:20b"),
    ]

    /// What each target reports of a request in `caller`.
    private func dropped(_ body: String, from caller: Dialect) throws -> [String: [String]] {
        let request = try caller.codec.decodeRequest(JSONValue(parsing: body.utf8))
        var dropped: [String: [String]] = [:]
        for target in Self.targets where target.dialect != caller {
            let traits = TargetTraits(kind: target.kind, model: target.model)
            let names = try target.dialect.codec.encodeRequest(request, for: traits).dropped
            if !names.isEmpty { dropped[target.kind] = names }
        }
        return dropped
    }

    @Test func anEffortThatArrivesIsNotDropped() throws {
        let body = #"{"messages":[{"role":"user","content":"a"}],"reasoning_effort":"high"}"#
        // Cohere's models think or do not: a level is more than that.
        #expect(try dropped(body, from: .openAIChat) == ["cohere": ["reasoning_effort"]])
    }

    @Test func anEffortThatNobodyKnowsIsDropped() throws {
        let body = #"{"messages":[{"role":"user","content":"a"}],"reasoning_effort":"utmost"}"#
        for (kind, names) in try dropped(body, from: .openAIChat) {
            #expect(names == ["reasoning_effort"], "\(kind)")
        }
        #expect(try dropped(body, from: .openAIChat).count == 6)
    }

    @Test func askingForSealsThatAreGivenAnywayIsNotDropped() throws {
        let body = #"{"model":"m","input":"a","include":["reasoning.encrypted_content"],"store":false}"#
        #expect(try dropped(body, from: .openAIResponses) == [:])
        let other = #"{"model":"m","input":"a","include":["file_search_call.results"]}"#
        #expect(Set(try dropped(other, from: .openAIResponses).values) == [["include"]])
    }

    @Test func whatIsIncludedStaysAsItWasForTheOwnVendor() throws {
        let body = #"{"model":"m","input":"a","include":["reasoning.encrypted_content"]}"#
        let request = try Dialect.openAIResponses.codec.decodeRequest(JSONValue(parsing: body.utf8))
        let traits = TargetTraits(kind: "openai", model: "m")
        let written = try Dialect.openAIResponses.codec.encodeRequest(request, for: traits).body
        #expect(written["include"]?.text == #"["reasoning.encrypted_content"]"#)
    }

    @Test func theRoleOfGeminisInstructionSaysNothing() throws {
        let body =
            #"{"contents":[{"role":"user","parts":[{"text":"a"}]}],"systemInstruction":{"role":"user","#
            + #""parts":[{"text":"b"}]}}"#
        #expect(try dropped(body, from: .gemini) == [:])
    }

    @Test func theUsualDetailIsNotDropped() throws {
        let body =
            #"{"model":"m","input":[{"role":"user","content":[{"type":"input_image","detail":"auto","#
            + #""image_url":"data:image/png;base64,iVBORw0KGgo="}]}]}"#
        #expect(try dropped(body, from: .openAIResponses)["anthropic"] == nil)
    }

    @Test func theEmptySignatureOfAThoughtIsNoLoss() throws {
        let body =
            #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"#
            + #"[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"b"}]},"#
            + #"{"role":"user","content":"c"}]}"#
        for (kind, names) in try dropped(body, from: .anthropic) {
            #expect(!names.contains("signature"), "\(kind): \(names)")
        }
        let request = try Dialect.anthropic.codec.decodeRequest(JSONValue(parsing: body.utf8))
        let own = try Dialect.anthropic.codec.encodeRequest(request, for: TargetTraits(kind: "litellm", model: "m"))
        #expect(own.body["messages"]?[1]?["content"]?[0]?["signature"]?.string == "")
    }

    @Test func aSummaryThatNobodyGivesHasOneName() throws {
        let body = #"{"model":"m","input":"a","reasoning":{"effort":"high","summary":"auto"}}"#
        for (kind, names) in try dropped(body, from: .openAIResponses) {
            #expect(names.filter { $0 != "reasoning_effort" } == ["reasoning.summary"], "\(kind)")
        }
    }

    /// A stream tells a summary in pieces and the sealed form behind it, without ids.
    @Test func piecesOfAStreamedThoughtComeTogether() throws {
        let body =
            #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm","#
            + #""reasoning_details":[{"type":"reasoning.summary","summary":"hm","format":"openai-responses-v1","#
            + #""index":0},{"type":"reasoning.encrypted","data":"c2VhbA==","format":"openai-responses-v1","index":1}]},"#
            + #"{"role":"user","content":"c"}]}"#
        let request = try Dialect.openAIChat.codec.decodeRequest(JSONValue(parsing: body.utf8))
        let thoughts = request.messages[1].parts.filter { $0.thinking != nil }
        #expect(thoughts.map(\.thinking?.text) == ["hm"])
        #expect(thoughts.first?.signature?.value == "c2VhbA==")
        #expect(try dropped(body, from: .openAIChat)["openai"] == nil)
    }

    /// JSON of protocol buffers allows both alphabets of base64, and Google's clients write the one for URLs.
    @Test func picturesOfGooglesClientsAreInTheStandardAlphabet() throws {
        let body =
            #"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo-_w"}}]}]}"#
        let request = try Dialect.gemini.codec.decodeRequest(JSONValue(parsing: body.utf8))
        let chat = try Dialect.openAIChat.codec.encodeRequest(request, for: TargetTraits(kind: "openai", model: "m"))
        #expect(
            chat.body["messages"]?[0]?["content"]?[0]?["image_url"]?["url"]?.string
                == "data:image/png;base64,iVBORw0KGgo+/w==")
        let own = try Dialect.gemini.codec.encodeRequest(request, for: TargetTraits(kind: "gemini", model: "m"))
        #expect(own.body["contents"]?[0]?["parts"]?[0]?["inlineData"]?["data"]?.string == "iVBORw0KGgo-_w")
    }

    /// Claude refuses to think within a budget behind calls that no thought of its own led to.
    @Test(arguments: [(Dialect.anthropic, "anthropic"), (.bedrock, "bedrock")])
    func claudeDoesNotThinkInTheMiddleOfAnothersCalls(dialect: Dialect, kind: String) throws {
        let body =
            #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","#
            + #""type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","#
            + #""content":"1"}],"reasoning_effort":"high","max_completion_tokens":30000}"#
        let request = try Dialect.openAIChat.codec.decodeRequest(JSONValue(parsing: body.utf8))
        let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
        let encoded = try dialect.codec.encodeRequest(request, for: TargetTraits(kind: kind, model: model))
        #expect(!encoded.body.text.contains("budget_tokens"))
        #expect(encoded.dropped == ["reasoning"])
    }
}
