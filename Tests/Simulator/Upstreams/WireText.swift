import NIOCore

/// What an upstream writes in OpenAI's format. The number of the attempt is in every text, so that no answer can be taken
/// for another one.
struct WireText {
    var sent = ByteBuffer()
    var visible = ByteBuffer()
    var frames: [Answer.Frame] = []
    var wholeBytes: Int?
    var needsEnd = false
    /// Where the first content begins, and where it ends.
    var firstContent = 0..<0
    /// Where the last of the content ends.
    var lastContent = 0

    /// A whole answer.
    static func document(_ attempt: Int, tokens: Int) -> WireText {
        var text = WireText()
        text.sent.writeString(
            #"{"id":"a\#(attempt)","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"#
                + #""message":{"role":"assistant","content":"a\#(attempt)_ says it"},"finish_reason":"stop"}],"#
                + #""usage":{"prompt_tokens":3,"completion_tokens":\#(tokens),"total_tokens":\#(tokens + 3)}}"#)
        text.visible = text.sent
        text.wholeBytes = text.sent.readableBytes
        text.needsEnd = true
        return text
    }

    /// Bytes that nobody looks into.
    static func sound(_ attempt: Int, length: Int) -> WireText {
        var text = WireText()
        for _ in 0..<length { text.sent.writeString("a\(attempt)_") }
        text.visible = text.sent
        text.wholeBytes = text.sent.readableBytes
        text.needsEnd = true
        return text
    }

    /// A stream.
    ///
    /// - Parameters:
    ///   - tellsUsage: The upstream sends an event for the usage.
    ///   - wantsUsage: The caller asked for it, and sees it.
    static func stream(_ attempt: Int, tokens: Int, tellsUsage: Bool, wantsUsage: Bool, isDone: Bool) -> WireText {
        var text = WireText()
        text.chunk(#""role":"assistant","content":"""#, attempt)
        text.firstContent = text.sent.readableBytes..<text.sent.readableBytes
        for token in 0..<max(1, tokens) {
            text.chunk(#""content":"a\#(attempt)_\#(token) ""#, attempt)
            if token == 0 { text.firstContent = text.firstContent.lowerBound..<text.sent.readableBytes }
        }
        text.lastContent = text.sent.readableBytes
        text.event(#"{"id":"a\#(attempt)","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#)
        if tellsUsage {
            text.event(
                #"{"id":"a\#(attempt)","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":\#(tokens)}}"#,
                isVisible: wantsUsage)
        }
        if isDone {
            text.event("[DONE]")
            text.wholeBytes = text.sent.readableBytes
        }
        return text
    }

    private mutating func chunk(_ delta: String, _ attempt: Int) {
        event(#"{"id":"a\#(attempt)","choices":[{"index":0,"delta":{\#(delta)},"finish_reason":null}]}"#)
    }

    mutating func event(_ data: String, isVisible: Bool = true) {
        let start = sent.writerIndex
        sent.writeStaticString("data: ")
        sent.writeString(data)
        sent.writeStaticString("\n\n")
        if isVisible, let bytes = sent.getSlice(at: start, length: sent.writerIndex - start) {
            visible.writeImmutableBuffer(bytes)
        }
        frames.append(Answer.Frame(sent: sent.readableBytes, visible: visible.readableBytes))
    }

    static let error = ByteBuffer(
        string: #"{"error":{"message":"It went wrong.","type":"server_error","code":"server_error"}}"#)
    static let page = ByteBuffer(string: "<html><body>Log in, please.</body></html>")
    static let garbage = ByteBuffer(string: #"{"choices":[{"index":0,"mess"#)
}
