import GatehouseCore

/// The head of a provider's response, reduced to what the gateway reads. Values are as received, without the space
/// around them; of a field that comes more than once, the last.
struct HTTPReplyHead: Equatable {
    var status = 0
    var contentType: String?
    /// All of them, joined by commas (RFC 9110 §5.3).
    var contentEncoding: String?
    var retryAfter: String?
    var retryAfterMilliseconds: String?
    /// `x-request-id`.
    var requestID: String?
    /// What providers say instead of `x-request-id`: `request-id`, `x-amzn-requestid`, `apim-request-id`.
    var otherRequestID: String?
    /// `x-amzn-bedrock-input-token-count`.
    var inputTokens: String?
    /// The first `keep-alive`.
    var keepAlive: String?

    /// Keeps the field when it is one that the gateway reads.
    ///
    /// - Parameters:
    ///   - name: Where in `bytes` its name is; a token.
    ///   - value: Where its value is, without the space around it.
    mutating func add(_ name: Range<Int>, _ value: Range<Int>, of bytes: Span<UInt8>) {
        // Most fields of a response are none of these: their lengths tell.
        switch name.count {
        case 10 where bytes.hasName("request-id", at: name): otherRequestID = bytes.text(value)
        case 10 where keepAlive == nil && bytes.hasName("keep-alive", at: name): keepAlive = bytes.text(value)
        case 11 where bytes.hasName("retry-after", at: name): retryAfter = bytes.text(value)
        case 12 where bytes.hasName("content-type", at: name): contentType = Self.contentType(value, of: bytes)
        case 12 where bytes.hasName("x-request-id", at: name): requestID = bytes.text(value)
        case 14 where bytes.hasName("retry-after-ms", at: name): retryAfterMilliseconds = bytes.text(value)
        case 15 where bytes.hasName("apim-request-id", at: name): otherRequestID = bytes.text(value)
        case 16 where bytes.hasName("content-encoding", at: name):
            let text = bytes.text(value)
            contentEncoding = contentEncoding.map { "\($0), \(text)" } ?? text
        case 16 where bytes.hasName("x-amzn-requestid", at: name): otherRequestID = bytes.text(value)
        case 32 where bytes.hasName("x-amzn-bedrock-input-token-count", at: name): inputTokens = bytes.text(value)
        default: break
        }
    }

    /// Nearly all responses are one of two types: their strings need not be made.
    private static func contentType(_ value: Range<Int>, of bytes: Span<UInt8>) -> String {
        switch value.count {
        case 16 where bytes.has("application/json", at: value.lowerBound): "application/json"
        case 17 where bytes.has("text/event-stream", at: value.lowerBound): "text/event-stream"
        default: bytes.text(value)
        }
    }
}

extension Span<UInt8> {
    /// The text at `range`; what is no UTF-8 becomes U+FFFD.
    fileprivate func text(_ range: Range<Int>) -> String {
        extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
