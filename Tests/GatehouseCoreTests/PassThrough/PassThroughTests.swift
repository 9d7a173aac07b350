import GatehouseCore
import NIOCore
import Testing

/// What the gateway reads of surfaces that it passes through.
@Suite struct PassThroughTests {
    private func head(_ body: String, _ required: [String] = []) throws -> PassThroughHead {
        try PassThroughHead(scanning: ByteBuffer(string: body), required: required)
    }

    private func spliced(_ body: String, _ model: String) throws -> String {
        String(buffer: try head(body).splice(model: model).applied(to: ByteBuffer(string: body)))
    }

    @Test func `the model and the stream flag are found, whatever stands around them`() throws {
        let found = try head(
            #"{"prompt":"\"model\":\"x\"","n":{"model":"y"},"mod\u0065l":"gpt","stream":true}"#, ["prompt"])
        #expect(found.model == "gpt")
        #expect(found.stream)
        #expect(try head(#"{"input":"a"}"#, ["input"]).model == nil)
    }

    @Test func `the model's name is put in at its place`() throws {
        #expect(try spliced(#"{"a": 1, "model" : "x" }"#, "y\"z") == #"{"a": 1, "model" : "y\"z" }"#)
        #expect(try spliced(#"{"model":"x"}"#, "x") == #"{"model":"x"}"#)
        #expect(try spliced(#"{ "a":1}"#, "y") == #"{"model":"y", "a":1}"#)
        #expect(try spliced("{}", "y") == #"{"model":"y"}"#)
        #expect(try spliced(#"{"model":null,"a":1}"#, "y") == #"{"model":"y","a":1}"#)
    }

    @Test(arguments: [
        (#"{"model":1}"#, "model"), (#"{"model":""}"#, "model"), (#"{"model":"a b"}"#, "model"),
        (#"{"model":"m","stream":1}"#, "stream"), (#"{"model":"m"}"#, "prompt"), (#"{"prompt":null}"#, "prompt"),
    ]) func `errors name the field`(body: String, param: String) {
        let error = #expect(throws: GatehouseError.self) { try head(body, ["prompt"]) }
        #expect(error?.param == param)
    }

    @Test(arguments: [
        "", "[]", "{", #"{"a":1,"a":2}"#, #"{"a":1}x"#, "{\"a\":\"\u{1}\"}", #"{"model":"a","mod\u0065l":"b"}"#,
    ]) func `what two readers could read differently is refused`(body: String) {
        let error = #expect(throws: GatehouseError.self) { try head(body) }
        #expect(error?.code == .invalidJSON)
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        let body = ByteBuffer(bytes: Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
        let error = #expect(throws: GatehouseError.self) { try PassThroughHead(scanning: body, required: []) }
        #expect(error?.code == .invalidJSON)
    }

    @Test func `the usage of every surface is found`() throws {
        func read(_ body: String) -> PassThroughUsage? { UsageReader.read(ByteBuffer(string: body)) }
        let image = try #require(
            read(
                #"{"data":[{"b64_json":"AA=="}],"usage":{"input_tokens":14,"output_tokens":272,"#
                    + #""total_tokens":286,"input_tokens_details":{"text_tokens":14}}}"#
            ))
        #expect(image.tokens?.counts == [14, 272, 0, 0, 0, 0, 0, 0])
        let transcript = try #require(
            read(
                #"{"text":"hi","usage":{"type":"tokens","input_tokens":9,"#
                    + #""input_token_details":{"audio_tokens":8,"text_tokens":1},"output_tokens":3,"total_tokens":12}}"#
            ))
        #expect(transcript.tokens?.audioInput == 8)
        #expect(read(#"{"usage":{"type":"duration","seconds":9}}"#) == PassThroughUsage(seconds: "9"))
        #expect(read(#"{"task":"transcribe","duration":2.95,"text":"a"}"#) == PassThroughUsage(seconds: "2.95"))
        #expect(read(#"{"usage":{"total_tokens":7}}"#)?.tokens?.counts.prefix(2) == [7, 0])
        #expect(read(#"{"usage":{"prompt_tokens":5,"total_tokens":5}}"#)?.tokens?.input == 5)
        #expect(read(#"{"usage":{"prompt_tokens":-5}}"#) == nil)
        #expect(read(#"{"usage":{"cost_in_usd_ticks":700000000}}"#) == nil)
        for body in ["", "ID3", "{}", #"{"usage":null}"#, #"{"duration":-1}"#, #"{"usage":{"#] {
            #expect(read(body) == nil)
        }
    }

    @Test(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
    func `recordings tell what they used`() {
        let used = (Recording.all("openai.images") + Recording.all("openai.audio")).compactMap { recording in
            UsageReader.read(recording.response).map { usage in
                "\(recording.provider) \(usage.tokens?.total ?? 0) \(usage.seconds ?? "-")"
            }
        }
        #expect(used == ["openai 286 -", "openrouter 0 6"])
    }
}
