import GatehouseCore
import Testing

private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

private func roundTrip(_ text: String) throws -> String? {
    let body = try json(text)
    let request = try ResponsesCodec.decodeRequest(body)
    let traits = TargetTraits(kind: "openai", model: request.model)
    return body.difference(from: try ResponsesCodec.encodeRequest(request, for: traits).body)
}

@Suite("Responses: requests in its own words")
struct ResponsesOwnRequestTests {
    @Test(arguments: [
        #"{"model":"m","input":"hi"}"#,
        #"{"model":"m","input":[],"stream":false,"tools":[],"metadata":{},"store":null,"tool_choice":null}"#,
        #"{"model":"m","prompt":{"id":"p","variables":{"a":"b"}}}"#, #"{"prompt":{"id":"p"}}"#,
        #"{"model":"m","conversation":"conv_1","input":[{"id":"msg_1"},{"type":"item_reference","id":"rs_1"}]}"#,
        #"{"model":"m","instructions":"","input":"hi","stream":true,"stream_options":{"include_obfuscation":false}}"#,
        #"{"model":"m","instructions":null,"input":[{"role":"developer","content":"a"},{"role":"user","content":[]}]}"#,
        #"{"model":"m","input":"hi","text":{},"reasoning":{}}"#,
        #"{"model":"m","input":"hi","text":{"verbosity":"low","format":{"type":"json_object"}}}"#,
        #"{"model":"m","input":"hi","text":{"format":{"type":"grammar","x":1}}}"#,
        #"{"model":"m","input":"hi","text":{"format":{"type":"json_schema","name":"n","schema":{},"strict":null}}}"#,
        #"{"model":"m","input":"hi","reasoning":{"effort":"ultra","summary":null,"mode":"pro"}}"#,
        #"{"model":"m","input":"hi","reasoning":{"effort":"max","generate_summary":"concise"}}"#,
        #"{"model":"m","input":"hi","temperature":0.10,"top_p":1,"top_logprobs":3,"max_output_tokens":5,"user":"u"}"#,
        #"{"model":"m","input":"hi","background":true,"max_tool_calls":2,"truncation":"auto","safety_identifier":"s"}"#,
        #"{"model":"m","input":"hi","tool_choice":{"type":"hosted_tool"},"tools":[{"type":"mcp","server_label":"s"}]}"#,
        #"{"model":"m","input":"hi","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"mcp"}]}}"#,
        """
        {"model":"m","input":"hi","tools":[{"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark"}}],
        "tool_choice":{"type":"custom","name":"c"}}
        """,
        #"{"model":"m","input":"hi","tools":[{"type":"function","name":"a.b","parameters":null,"strict":null}]}"#,
    ])
    func `stay the same`(_ text: String) throws {
        #expect(try roundTrip(text) == nil)
    }

    @Test(arguments: [
        #"{"type":"function_call","call_id":"c1","name":"f","arguments":"","id":"fc_1","status":"completed"}"#,
        #"{"type":"custom_tool_call","call_id":"c2","name":"g","input":"x y","namespace":"n"}"#,
        #"{"type":"function_call_output","call_id":"c1","output":""}"#,
        """
        {"type":"function_call_output","call_id":"c1","output":[{"type":"input_image",
        "image_url":"data:image/png;base64,AA==","detail":"high"},{"type":"input_file","file_id":"f"}]}
        """,
        #"{"type":"custom_tool_call_output","call_id":"c2","output":"done","id":"o"}"#,
        """
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},
        {"type":"summary_text","text":"b"}],"encrypted_content":"gA/=="}
        """,
        #"{"type":"reasoning","id":"r","summary":[],"content":[{"type":"reasoning_text","text":"t"}],"status":null}"#,
        #"{"type":"reasoning","id":"rs_1","summary":[]}"#,
        """
        {"type":"message","role":"assistant","id":"msg_1","status":"completed","phase":"final","content":[
        {"type":"output_text","text":"a","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"no"}]}
        """,
        #"{"role":"assistant","content":""}"#,
        #"{"role":"assistant","content":[]}"#,
        """
        {"role":"assistant","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation",
        "url":"u","start_index":0,"end_index":1,"title":"t"},{"type":"container_file_citation","file_id":"f"}]}]}
        """,
        """
        {"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":true},
        {"type":"input_file","filename":"a.pdf","file_data":"QUJD"},{"type":"input_file","file_url":"https://x/y"}]}
        """,
        """
        {"role":"user","content":[{"type":"input_image","image_url":"data:image/png;x=y;base64,AA=="},
        {"type":"input_image","file_id":"f","image_url":null,"detail":"auto"}]}
        """,
        """
        {"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}},
        {"type":"hologram","x":1}]}
        """,
        #"{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot"}}"#,
        #"{"type":"additional_tools","role":"developer","tools":[]}"#,
        #"{"type":"compaction","id":"cmp_1","encrypted_content":"x"}"#,
    ])
    func `items stay the same among others`(_ item: String) throws {
        let user = #"{"role":"user","content":"u"}"#
        let call = #"{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search"}}"#
        #expect(try roundTrip(#"{"model":"m","input":[\#(item)]}"#) == nil)
        #expect(try roundTrip(#"{"model":"m","input":[\#(user),\#(item),\#(call),\#(item),\#(user)]}"#) == nil)
    }

    @Test func `one assistant's turn is one message`() throws {
        let request = try ResponsesCodec.decodeRequest(
            json(
                """
                {"model":"m","input":[{"role":"user","content":"q"},
                {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},
                {"type":"summary_text","text":"b"}],"encrypted_content":"seal"},
                {"type":"message","role":"assistant","content":[{"type":"output_text","text":"let me see"}]},
                {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
                {"type":"custom_tool_call","call_id":"c2","name":"g","input":"raw"},
                {"type":"function_call_output","call_id":"c1","output":"one"},
                {"type":"custom_tool_call_output","call_id":"c2",
                "output":[{"type":"input_image","image_url":"https://x/y.png"}]},
                {"role":"assistant","content":"done"}]}
                """))
        #expect(request.messages.map(\.role) == [.user, .assistant, .tool, .tool, .assistant])
        let turn = request.messages[1].parts
        #expect(turn[0].thinking == Thinking("a\n\nb", id: "rs_1"))
        #expect(turn[0].signature == Signature(.openAIResponses, "seal"))
        #expect(turn[1].text == "let me see")
        #expect(turn[2].toolCall == ToolCall(id: "c1", name: "f", arguments: "{}"))
        #expect(turn[3].toolCall == ToolCall(id: "c2", name: "g", arguments: "raw", isCustom: true))
        #expect(request.messages[2].parts[0].toolResult?.content.texts == ["one"])
        let image = request.messages[3].parts[0].toolResult?.content.first?.content
        #expect(image == .image(Media(.url("https://x/y.png"))))
    }

    @Test func `what the model holds is read`() throws {
        let request = try ResponsesCodec.decodeRequest(
            json(
                """
                {"model":"m","instructions":"be brief","input":"hi","stream":true,"max_output_tokens":50,
                "temperature":0.5,"top_p":0.9,"top_logprobs":2,"include":["message.output_text.logprobs"],
                "parallel_tool_calls":false,"reasoning":{"effort":"high","summary":"auto"},"store":false,
                "previous_response_id":"resp_1","user":"u","metadata":{"a":"b"},"service_tier":"flex",
                "truncation":"auto",
                "tools":[{"type":"function","name":"f","description":"d","parameters":{},"strict":true}],
                "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]},
                "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}}}
                """))
        #expect(request.messages.map(\.role) == [.system, .user])
        #expect(request.messages[0].text() == "be brief")
        #expect(request.stream && request.maxTokens == 50)
        #expect(request.sampling.temperature == "0.5" && request.sampling.topP == "0.9")
        #expect(request.sampling.logprobs == true && request.sampling.topLogprobs == 2)
        #expect(request.parallelToolCalls == false && request.store == false && request.user == "u")
        #expect(request.reasoning?.effort == .high && request.reasoning?.includeThoughts == true)
        #expect(request.previousResponse == "resp_1" && request.serviceTier == "flex")
        #expect(request.tools.first?.strict == true && request.tools.first?.description == "d")
        #expect(request.toolChoice == .allowed(names: ["f"], isRequired: true))
        guard case .jsonSchema(let format) = request.responseFormat else {
            Issue.record("no schema")
            return
        }
        #expect(format.name == "n" && format.strict == true)
        #expect(request.extensions.foreign(to: .anthropic) == ["truncation"])
    }

    @Test(arguments: [
        (#"{"input":"hi"}"#, "model"), (#"{"model":"m"}"#, "input"), (#"{"model":"m","input":5}"#, "input"),
        (#"{"model":"m","input":[{"role":"boss","content":"x"}]}"#, "input[0].role"),
        (#"{"model":"m","input":[{"role":"user"}]}"#, "input[0].content"),
        (#"{"model":"m","input":["x"]}"#, "input[0]"), (#"{"model":"m","input":[{}]}"#, "input[0].type"),
        (#"{"model":"m","input":[{"role":"user","content":[{"text":"x"}]}]}"#, "input[0].content[0].type"),
        (
            #"{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}"#,
            "input[0].content[0].image_url"
        ),
        (#"{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f"}]}"#, "input[0].arguments"),
        (#"{"model":"m","input":[{"type":"function_call_output","call_id":"c"}]}"#, "input[0].output"),
        (#"{"model":"m","input":"x","tools":[{"type":"function"}]}"#, "tools[0].name"),
        (#"{"model":"m","input":"x","tool_choice":"maybe"}"#, "tool_choice"),
        (#"{"model":"m","input":"x","max_output_tokens":0}"#, "max_output_tokens"),
        (#"{"model":"m","input":"x","text":{"format":{"type":"json_schema"}}}"#, "text.format.schema"),
        (#"{"model":"m","input":"x","stream":"yes"}"#, "stream"),
    ])
    func `a bad field is named`(_ text: String, _ param: String) throws {
        let error = #expect(throws: GatehouseError.self) { try ResponsesCodec.decodeRequest(json(text)) }
        #expect(error?.param == param)
    }
}
