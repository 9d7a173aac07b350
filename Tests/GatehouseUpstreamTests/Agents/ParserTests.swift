import GatehouseCore
import GatehouseUpstream
import NIOCore
import Testing

/// Records that the corpus does not hold, in the shapes their makers document.
@Suite struct ParserTests {
    // MARK: Claude and Qwen

    @Test func claudeGivesDeltasOnce() throws {
        let reading = try read(
            .claude,
            """
            {"type":"system","subtype":"init","session_id":"s1","model":"claude-sonnet-4"}
            {"type":"stream_event","event":{"type":"message_start","message":{"id":"m1"}},"parent_tool_use_id":null}
            {"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}}
            {"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hel"}}}
            {"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"lo"}}}
            {"type":"assistant","message":{"id":"m1","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hello"}]}}
            {"type":"assistant","parent_tool_use_id":"t0","message":{"id":"m9","content":[{"type":"text","text":"of a sub-agent"}]}}
            {"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning","resetsAt":1700000000,"rateLimitType":"five_hour","utilization":0.85}}
            {"type":"stream_event","event":{"type":"message_start","message":{"id":"m2"}}}
            {"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"Bye"}}}
            {"type":"assistant","message":{"id":"m2","content":[{"type":"text","text":"Bye"}]}}
            {"type":"result","subtype":"success","is_error":false,"result":"Bye","stop_reason":"max_tokens","session_id":"s1","total_cost_usd":0.5,"usage":{"input_tokens":1,"output_tokens":2}}

            """)
        #expect(
            reading.events == [
                .started(AnswerStart(model: "claude-sonnet-4", session: "s1")), .reasoningDelta("hm"),
                .textDelta("Hel"),
                .textDelta("lo"),
                .limit(UsageLimit(kind: "five_hour", used: 0.85, resetsAt: 1_700_000_000)), .textDelta("\n\nBye"),
            ])
        #expect(
            reading.finish
                == Finish(
                    .length, usage: Usage(input: 1, output: 2), cost: Cost(unit: "usd", amount: "0.5"), session: "s1"))
    }

    @Test(arguments: [
        (
            #""subtype":"success","is_error":true,"api_error_status":429,"result":"Claude AI usage limit reached|1700003600""#,
            Failure.Kind.quota, Int?.some(3600)
        ),
        (#""subtype":"success","is_error":true,"api_error_status":429,"result":"slow down""#, .rate, nil),
        (#""subtype":"success","is_error":true,"api_error_status":529,"result":"Overloaded""#, .capacity, nil),
        (#""subtype":"success","is_error":true,"api_error_status":500,"result":"oops""#, .upstream, nil),
        (#""subtype":"success","is_error":true,"result":"Invalid API key · Please run /login""#, .auth, nil),
        (#""subtype":"success","is_error":true,"result":"Prompt is too long""#, .contextLength, nil),
        (#""subtype":"error_max_turns","is_error":true"#, .truncated, nil),
        (#""subtype":"error_during_execution","is_error":true,"errors":["strange"]"#, .failed, nil),
    ])
    func claudeTellsItsErrors(fields: String, kind: Failure.Kind, retryAfter: Int?) throws {
        let exit = AgentExit(.exited(1), clock: WallClock(now: 1_700_000_000))
        let reading = try read(.claude, "{\"type\":\"result\",\(fields)}\n", exit: exit)
        #expect(reading.failure?.kind == kind)
        #expect(reading.failure?.retryAfter == retryAfter)
        #expect(reading.text.isEmpty)
    }

    @Test func claudeRejectedByItsLimitTellsWhen() throws {
        let exit = AgentExit(.exited(1), clock: WallClock(now: 1_700_000_000))
        let reading = try read(
            .claude,
            """
            {"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1700007200,"rateLimitType":"seven_day"}}
            {"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your limit · resets 3pm (America/Los_Angeles)"}
            """, exit: exit)
        #expect(reading.failure?.kind == .quota)
        #expect(reading.failure?.retryAfter == 7200)
    }

    @Test func denialsWithoutAnAnswerAreDenied() throws {
        let claude = try read(
            .claude,
            #"{"type":"result","subtype":"success","is_error":false,"result":"","permission_denials":[{"tool_name":"Bash"}]}"#
        )
        #expect(claude.failure?.kind == .denied)
        let agy = try read(
            .agy,
            #"{"event":"result","result":{"status":"SUCCESS","response":"","denied_actions":[{"action":"run_command","display_name":"Run"}]}}"#
        )
        #expect(agy.failure?.kind == .denied)
        #expect(agy.failure?.detail.contains("Run") == true)
    }

    @Test func qwenCountsCachedInputOnce() throws {
        let reading = try read(
            .qwen,
            """
            {"type":"system","subtype":"session_start","uuid":"u","session_id":"q"}
            {"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"hi"}]}}
            {"type":"result","subtype":"success","is_error":false,"result":"hi","session_id":"q","usage":{"input_tokens":100,"output_tokens":5,"cache_read_input_tokens":60}}
            """)
        #expect(reading.text == "hi")
        #expect(reading.finish == Finish(.stop, usage: Usage(input: 100, output: 5, cachedInput: 60), session: "q"))
    }

    // MARK: Gemini

    @Test(arguments: [
        (Int32(41), Failure.Kind.auth), (42, .input), (55, .denied), (173, .rate), (145, .auth), (247, .capacity),
        (1, .failed),
    ])
    func geminiExitCodes(code: Int32, kind: Failure.Kind) throws {
        #expect(try read(.gemini, "", exit: AgentExit(.exited(code), stderr: "something")).failure?.kind == kind)
    }

    @Test func geminiSkipsNoticesAndNeverTakesTooManyTurnsForAnAnswer() throws {
        let notices = "Loaded cached credentials.\n[1,2]\n{broken\n"
        let answer = #"{"type":"message","role":"assistant","content":"half","delta":true}"# + "\n"
        let end =
            #"{"type":"result","status":"success","stats":{"input_tokens":3,"output_tokens":4,"cached":2}}"# + "\n"
        let well = try read(.gemini, notices + answer + end)
        #expect(well.events == [.textDelta("half")])
        #expect(well.finish == Finish(.stop, usage: Usage(input: 3, output: 4, cachedInput: 2)))
        let turns = #"{"type":"error","severity":"error","message":"Maximum session turns exceeded"}"# + "\n"
        #expect(try read(.gemini, answer + turns + end).failure?.kind == .truncated)
    }

    @Test func geminiQuota() throws {
        func reading(_ type: String, _ message: String) throws -> Reading {
            try read(
                .gemini,
                "{\"type\":\"result\",\"status\":\"error\",\"error\":{\"type\":\"\(type)\",\"message\":\"\(message)\"}}",
                exit: AgentExit(.exited(173)))
        }
        let short = try reading("RetryableQuotaError", "You exceeded your current quota. Please retry in 34.07s.")
            .failure
        #expect(short?.kind == .rate)
        #expect(short?.retryAfter == 35)
        #expect(
            try reading("TerminalQuotaError", "You have exhausted your capacity on this model.").failure?.kind == .quota
        )
        #expect(try reading("Error", "[API Error: model is overloaded]").failure?.kind == .capacity)
    }

    // MARK: Copilot

    @Test func copilotStreamsOnceAndTellsPremiumRequests() throws {
        let reading = try read(
            .copilot,
            """
            {"type":"assistant.message_delta","data":{"messageId":"a","deltaContent":"Hel"},"ephemeral":true}
            {"type":"assistant.message_delta","data":{"messageId":"a","deltaContent":"lo"},"ephemeral":true}
            {"type":"assistant.message","data":{"messageId":"a","content":"Hello","toolRequests":[{"toolCallId":"c","name":"bash","arguments":{"command":"ls"}}]}}
            {"type":"tool.execution_complete","data":{"toolCallId":"c","success":false,"error":{"message":"Permission denied","code":"denied"}}}
            {"type":"result","sessionId":"s","exitCode":0,"usage":{"premiumRequests":0.33}}
            """)
        #expect(
            reading.events == [
                .textDelta("Hel"), .textDelta("lo"), .toolStarted(id: "c", name: "bash", input: #"{"command":"ls"}"#),
                .toolFinished(id: "c", succeeded: false, denied: true),
            ])
        #expect(reading.finish == Finish(.stop, cost: Cost(unit: "premium_requests", amount: "0.33"), session: "s"))
    }

    @Test func copilotThatIsNotLoggedInSaysNothing() throws {
        #expect(try read(.copilot, "").failure?.kind == .empty)
        let error = #"{"type":"session.error","data":{"errorType":"rate_limit","message":"Rate limit exceeded"}}"#
        #expect(try read(.copilot, error, exit: AgentExit(.exited(1))).failure?.kind == .rate)
        let result = #"{"type":"result","sessionId":"s","exitCode":1}"#
        #expect(try read(.copilot, result).failure?.kind == .failed)
    }

    // MARK: Agy

    private let agyAnswer = """
        {"event":"init","conversation_id":"c1","init":{"cwd":"/w"}}
        {"event":"step_update","step_update":{"step_index":0,"state":"DONE","step_type":"user_input"}}
        {"event":"step_update","step_update":{"step_index":1,"state":"ACTIVE","step_type":"agent_response","text_delta":"OK"}}
        {"event":"step_update","step_update":{"step_index":2,"state":"ACTIVE","step_type":"tool","tool_name":"view_file","tool_info":{"name":"view_file","parameters":{"p":1}}}}
        {"event":"step_update","step_update":{"step_index":2,"state":"DONE","step_type":"tool"}}

        """

    @Test func agyAnswers() throws {
        let reading = try read(
            .agy,
            agyAnswer
                + #"{"event":"result","result":{"conversation_id":"c1","status":"SUCCESS","response":"OK\n","usage":{"input_tokens":13823,"output_tokens":91,"thinking_tokens":90,"cache_read_tokens":7}}}"#
        )
        #expect(
            reading.events == [
                .started(AnswerStart(session: "c1")), .textDelta("OK"),
                .toolStarted(id: "step-2", name: "view_file", input: #"{"p":1}"#),
                .toolFinished(id: "step-2", succeeded: true, denied: false),
            ])
        #expect(
            reading.finish
                == Finish(.stop, usage: Usage(input: 13_823, output: 91, cachedInput: 7, reasoning: 90), session: "c1"))
    }

    @Test func agyHalfAnswersAreFailures() throws {
        let success =
            #"{"event":"result","result":{"status":"SUCCESS","response":"half","usage":{"input_tokens":0,"output_tokens":0}}}"#
        let partial = AgentExit(.exited(0), stderr: "[agy] print timeout after 5m; returning partial output\n")
        #expect(try read(.agy, success, exit: partial).failure?.kind == .timeout(.own))
        #expect(try read(.agy, success).finish?.usage == nil)
        let step =
            #"{"event":"step_update","step_update":{"step_index":3,"state":"ERROR","step_type":"agent_response"}}"#
            + "\n"
        #expect(try read(.agy, agyAnswer + step + success).failure?.kind == .failed)
    }

    @Test func agyQuotaTellsWhen() throws {
        let exit = AgentExit(
            .exited(3),
            stderr:
                "error: Individual quota reached. Contact your administrator. Resets in 34m13s.\nAGY_ERROR: {\"short_error\":\"RESOURCE_EXHAUSTED (code 429)\"}\n"
        )
        let reading = try read(.agy, #"{"event":"result","result":{"status":"ERROR","error":"quota"}}"#, exit: exit)
        #expect(reading.failure?.kind == .quota)
        #expect(reading.failure?.retryAfter == 2053)
    }

    // MARK: Codex, opencode, Cursor

    @Test func codexQuotaTellsWhen() throws {
        // 14:00 UTC; the host is at UTC+1, where 3:28 PM comes in 28 minutes.
        let exit = AgentExit(.exited(1), clock: WallClock(now: 1_700_056_800, offset: 3600))
        let message =
            "You've hit your usage limit. Visit https://chatgpt.com/codex/settings/usage to purchase more credits or try again at 3:28 PM."
        let reading = try read(
            .codex,
            "{\"type\":\"error\",\"message\":\"\(message)\"}\n{\"type\":\"turn.failed\",\"error\":{\"message\":\"\(message)\"}}",
            exit: exit)
        #expect(reading.failure?.kind == .quota)
        #expect(reading.failure?.retryAfter == 28 * 60)
    }

    @Test func codexReconnectsAreNoFailure() throws {
        let reading = try read(
            .codex,
            """
            {"type":"error","message":"Reconnecting... 1/5 (stream disconnected)"}
            {"type":"item.completed","item":{"id":"i","type":"agent_message","text":"done"}}
            {"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}
            """)
        #expect(reading.text == "done")
        #expect(reading.finish != nil)
    }

    @Test func opencodeAddsItsSteps() throws {
        func step(_ reason: String, _ cost: String) -> String {
            "{\"type\":\"step_finish\",\"part\":{\"reason\":\"\(reason)\",\"cost\":\(cost),\"tokens\":{\"input\":10,\"output\":2,\"reasoning\":1,\"cache\":{\"read\":5,\"write\":3}}}}\n"
        }
        let reading = try read(
            .opencode,
            "{\"type\":\"step_start\",\"sessionID\":\"s\"}\n" + step("tool-calls", "0.1")
                + "{\"type\":\"step_start\",\"sessionID\":\"s\"}\n"
                + "{\"type\":\"text\",\"part\":{\"text\":\"a\"}}\n{\"type\":\"text\",\"part\":{\"text\":\"b\"}}\n"
                + step("stop", "0.2"))
        #expect(reading.text == "a\n\nb")
        #expect(
            reading.finish
                == Finish(
                    .stop, usage: Usage(input: 36, output: 6, cachedInput: 10, reasoning: 2),
                    cost: Cost(unit: "usd", amount: "0.3"), session: "s"))
    }

    @Test func cursorFailsWithoutRecords() throws {
        let exit = AgentExit(
            .exited(1),
            stderr: "Error: Authentication required. Please run 'cursor-agent login' first, or set CURSOR_API_KEY\n")
        #expect(try read(.cursorAgent, "", exit: exit).failure?.kind == .auth)
    }

    // MARK: Text

    @Test func textIsWholeHoweverItIsCut() throws {
        let text = "\u{1B}[1mBold\u{1B}[0m é 😀\r\nline\n\nend\n"
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<300 {
            let pieces = ByteBuffer(string: text).cut(using: &generator, atMost: 4)
            let reading = try read(
                .llm, pieces, exit: AgentExit(.exited(0), stderr: "Token usage: 7 input, 5 output, {\"x\": {}}\n"))
            #expect(reading.text == "Bold é 😀\r\nline\n\nend")
            #expect(reading.finish == Finish(.stop, usage: Usage(input: 7, output: 5)))
        }
    }

    @Test func textThatIsBrokenOrMissing() throws {
        #expect(try read(.llm, [ByteBuffer(bytes: [0x61, 0xE2, 0x82])]).text == "a\u{FFFD}")
        #expect(try read(.llm, " \n").failure?.kind == .empty)
        #expect(try read(.llm, "half", exit: AgentExit(.exited(143))).failure?.kind == .failed)
        #expect(
            try read(.llm, "", exit: AgentExit(.exited(1), stderr: "Error: 'Unknown model: nope'\n")).failure?.kind
                == .modelUnknown)
        #expect(
            try read(.llm, "", exit: AgentExit(.exited(1), stderr: "Error: Connection error.\n")).failure?.kind
                == .unreachable)
    }

    // MARK: All

    @Test(arguments: AgentKind.allCases.filter { $0.cli?.drivers.contains(.oneShot) == true })
    func whatHoldsForAll(_ kind: AgentKind) throws {
        #expect(try read(kind, "").failure?.kind == .empty)
        #expect(try read(kind, "", exit: AgentExit(.signaled(9))).failure?.kind == .crashed)
        // What an agent says of itself on standard error never passes for the supervisor's word.
        let liar = AgentExit(.exited(1), stderr: "gatehouse-supervisor: exec: ENOENT\n")
        #expect(try read(kind, "", exit: liar).failure?.kind != .spawn)
        #expect(try read(kind, "", exit: AgentExit(.exited(127))).failure?.kind == .spawn)
        #expect(
            try read(kind, "{}\n[]\nnull\n{\"type\":5}\n{\"type\":\"\"}\n{\"event\":\"x\"}\n{\"type\":\"result\"")
                .finish == nil || kind == .llm)
    }

    /// Whatever an agent prints, its reader goes on.
    @Test(arguments: AgentKind.allCases.filter { $0.cli?.drivers.contains(.oneShot) == true })
    func survivesDamage(_ kind: AgentKind) throws {
        let seeds = [
            agyAnswer, #"{"type":"assistant","message":{"content":[{"type":"text","text":5},{"type":"tool_use"}]}}"#,
            #"{"type":"item.completed","item":{"type":"agent_message","id":"x","text":"y"}}"#,
            #"{"type":"result","status":"success","is_error":false,"usage":{"input_tokens":-9223372036854775808,"output_tokens":1e300}}"#,
            #"{"type":"step_finish","part":{"cost":1e999,"tokens":{"input":9223372036854775807,"cache":{"read":9223372036854775807}}}}"#,
        ]
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            var bytes = Array((seeds.randomElement(using: &generator) ?? "").utf8)
            if Bool.random(using: &generator), !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let reading = try read(
                kind, [ByteBuffer(bytes: bytes), ByteBuffer(string: "\n"), ByteBuffer(bytes: bytes)])
            if let usage = reading.finish?.usage {
                #expect(usage.input >= 0 && usage.output >= 0 && usage.total >= 0)
            }
        }
    }
}
