import GatehouseCore
import Testing

/// Requests in Anthropic's own dialect: every form is kept, and every fault is named by its path.
@Suite struct AnthropicRequestTests {
    private static let target = TargetTraits(kind: "anthropic", model: "m")

    private static func body(_ members: String) throws -> JSONValue {
        try JSONValue(parsing: #"{"model":"m","max_tokens":9,\#(members)}"#.utf8)
    }

    private func decode(_ members: String) throws -> CanonicalRequest {
        try AnthropicCodec.decodeRequest(Self.body(members))
    }

    @Test(arguments: [
        #""system":"s""#, #""system":[],"tools":[],"stop_sequences":[]"#,
        #""system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#,
        #""system":[{"type":"text","text":"x-anthropic-billing-header: cc=1"},{"type":"text","text":"a"}]"#,
        #""stream":false,"top_k":5,"top_p":0.50,"temperature":1.0,"service_tier":"auto""#,
        #""metadata":{},"cache_control":{"type":"ephemeral"}"#,
        #""metadata":{"user_id":"u","more":1},"container":{"id":"c","skills":[]},"inference_geo":"eu""#,
        #""thinking":{"type":"enabled","budget_tokens":2000},"output_config":{"effort":"high"}"#,
        #""thinking":{"type":"adaptive","display":"omitted"},"output_config":{"task_budget":{"type":"tokens"}}"#,
        #""thinking":{"type":"between_tools","block_binding":"off"},"output_config":{}"#,
        #""output_config":{"format":{"type":"json_schema","schema":{"type":"object"},"name":"n"},"effort":"new"}"#,
        #""output_format":{"type":"json_schema","schema":{}}"#,
        #""tool_choice":{"type":"auto","disable_parallel_tool_use":false}"#,
        #""tool_choice":{"type":"tool","name":"t","x":1}"#, #""tool_choice":{"type":"new"}"#,
        #""tools":[{"name":"t","input_schema":{"type":"object"},"eager_input_streaming":true,"strict":false}]"#,
        #""tools":[{"type":"custom","name":"t","input_schema":{},"cache_control":{"type":"ephemeral"}}]"#,
        #""tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]"#,
        #""mcp_servers":[{"type":"url"}],"context_management":{"edits":[]},"top_k":null"#,
    ])
    func `every form of a request is kept`(members: String) throws {
        let messages =
            #""messages":[{"role":"user","content":""},{"role":"user","content":[],"clear_at":1},"#
            + #"{"role":"system","content":"s"}]"#
        let body = try Self.body(members + "," + messages)
        let encoded = try AnthropicCodec.encodeRequest(AnthropicCodec.decodeRequest(body), for: Self.target)
        #expect(body.difference(from: encoded.body) == nil)
        #expect(encoded.dropped.isEmpty)
    }

    @Test(arguments: [
        #"{"type":"text","text":"t","citations":[{"type":"char_location","cited_text":"c","document_index":0}]}"#,
        #"{"type":"text","text":"t","citations":null,"cache_control":null}"#,
        #"{"type":"image","source":{"type":"url","url":"data:;base64,AA"},"cache_control":{"type":"ephemeral"}}"#,
        #"{"type":"image","source":{"type":"file","file_id":"f","x":1}}"#,
        #"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"}]},"title":"t"}"#,
        #"{"type":"document","source":{"type":"content","content":[{"type":"image"}]},"context":"c"}"#,
        #"{"type":"document","source":{"type":"text","data":"d","media_type":"t"},"citations":{"enabled":true}}"#,
        #"{"type":"tool_result","tool_use_id":"a"}"#, #"{"type":"tool_result","tool_use_id":"a","content":""}"#,
        #"{"type":"tool_result","tool_use_id":"a","content":[],"is_error":false}"#,
        #"{"type":"tool_result","tool_use_id":"a","content":[{"type":"image","source":{"type":"url","url":"u"}}]}"#,
        #"{"type":"thinking","thinking":"","signature":"Eq=="}"#, #"{"type":"redacted_thinking","data":"Em"}"#,
        #"{"type":"tool_use","id":"a","name":"n","input":{"b":1.0,"a":[]},"caller":{"type":"direct"}}"#,
        #"{"type":"server_tool_use","id":"a","name":"web_search","input":{"query":"q"}}"#,
        #"{"type":"search_result","source":"s","title":"t","content":[]}"#,
        #"{"type":"container_upload","file_id":"f"}"#,
    ])
    func `every form of a block is kept, between others and in its order`(block: String) throws {
        let text = #"{"type":"text","text":"between"}"#
        let result = #"{"type":"tool_result","tool_use_id":"z","content":"r"}"#
        let blocks = [result, text, block, result, block].joined(separator: ",")
        let body = try Self.body(#""messages":[{"role":"user","content":[\#(blocks)]}]"#)
        let encoded = try AnthropicCodec.encodeRequest(AnthropicCodec.decodeRequest(body), for: Self.target)
        #expect(body.difference(from: encoded.body) == nil)
    }

    @Test func `results are messages of their own in the canonical model`() throws {
        let request = try decode(
            #""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"},"#
                + #"{"type":"text","text":"t"}]}]"#)
        #expect(request.messages.map(\.role) == [.tool, .user])
        #expect(request.messages[0].parts[0].toolResult?.content.texts == ["r"])
    }

    @Test func `the note about who pays is no text of the prompt`() throws {
        let request = try decode(
            #""messages":[],"system":[{"type":"text","text":"x-anthropic-billing-header: cc=1"},"#
                + #"{"type":"text","text":"a"}]"#)
        #expect(request.messages[0].parts.texts == ["a"])
    }

    @Test func `a request is understood`() throws {
        let request = try decode(
            #""system":"s","thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"max"},"#
                + #""tool_choice":{"type":"any","disable_parallel_tool_use":true},"metadata":{"user_id":"u"},"#
                + #""stop_sequences":["x"],"stream":true,"messages":[{"role":"user","content":[{"type":"document","#
                + #""title":"T","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}]}]"#)
        #expect(request.messages.map(\.role) == [.system, .user])
        #expect(request.reasoning?.effort == .max)
        #expect(request.reasoning?.isAdaptive == true)
        #expect(request.reasoning?.includeThoughts == true)
        #expect(request.toolChoice == .required)
        #expect(request.parallelToolCalls == false)
        #expect(request.user == "u")
        #expect(request.sampling.stop == ["x"])
        #expect(request.stream)
        #expect(request.maxTokens == 9)
        let media = Media(.base64("JVBE"), mediaType: "application/pdf", name: "T")
        #expect(request.messages[1].parts[0].content == .document(media))
    }

    @Test(arguments: [
        (#""messages":["x"]"#, "messages[0]", GatehouseError.Code.invalidValue),
        (#""messages":[{"role":"tool","content":""}]"#, "messages[0].role", .invalidValue),
        (#""messages":[{"role":"user"}]"#, "messages[0].content", .missingField),
        (#""messages":[{"role":"user","content":[{"text":"x"}]}]"#, "messages[0].content[0].type", .missingField),
        (
            #""messages":[{"role":"user","content":[{"type":"image"}]}]"#, "messages[0].content[0].source",
            .missingField
        ),
        (
            #""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","#
                + #""content":[{"type":"text"}]}]}]"#,
            "messages[0].content[0].content[0].text", .missingField
        ),
        (#""messages":[],"system":5"#, "system", .invalidValue),
        (#""messages":[],"stop_sequences":"x""#, "stop_sequences", .invalidValue),
        (#""messages":[],"tools":[{"name":"n"}]"#, "tools[0].input_schema", .missingField),
        (#""messages":[],"thinking":{}"#, "thinking.type", .missingField),
        (#""stream":true"#, "messages", .missingField),
    ])
    func `a fault is named by its path`(members: String, param: String, code: GatehouseError.Code) throws {
        let error = #expect(throws: GatehouseError.self) { try decode(members) }
        #expect(error?.param == param)
        #expect(error?.code == code)
    }

    @Test(arguments: [
        (#"{"max_tokens":1,"messages":[]}"#, "model"), (#"{"model":"m","messages":[]}"#, "max_tokens"),
        (#"{"model":"m","max_tokens":-1,"messages":[]}"#, "max_tokens"), ("[]", "body"),
    ])
    func `a request without its head is refused`(text: String, param: String) throws {
        let body = try JSONValue(parsing: text.utf8)
        let error = #expect(throws: GatehouseError.self) { try AnthropicCodec.decodeRequest(body) }
        #expect(error?.param == param)
    }

    @Test func `thoughts without a seal reach compatible servers alone`() throws {
        let request = try decode(
            #""messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":""},"#
                + #"{"type":"text","text":"x"}]}]"#)
        for (kind, count) in [("anthropic", 1), ("bedrock", 1), ("vertex", 1), ("deepseek", 2)] {
            let encoded = try AnthropicCodec.encodeRequest(request, for: TargetTraits(kind: kind, model: "m"))
            #expect(encoded.body["messages"]?[0]?["content"]?.array?.count == count)
        }
    }
}
