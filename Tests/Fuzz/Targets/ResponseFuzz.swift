import NIOCore

/// The reader of providers' responses: every cut gives the same head, body, end and error, and bodies are what came.
enum ResponseFuzz {
    private struct Outcome: Equatable {
        var head: HTTPReplyHead?
        var body: [UInt8] = []
        var hasEnded = false
        var isReusable = false
        var error: HTTPResponseError?
        var endsAtClose = false
    }

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let whole = read([ByteBuffer(bytes: bytes)])
        promise(whole.body.count <= bytes.count, "a body is longer than what came")
        promise(whole.head != nil || whole.body.isEmpty && !whole.hasEnded, "a body or an end came before the head")
        promise(!whole.hasEnded || whole.error == nil && !whole.endsAtClose, "a response ended twice")
        promise((100...999).contains(whole.head?.status ?? 200), "a status is no three digits")
        if whole.endsAtClose {
            promise(bytes.suffix(whole.body.count).elementsEqual(whole.body), "the body is not the rest of the bytes")
        }
        for pieces in Cuts.all(bytes[...]) {
            promise(read(pieces) == whole, "cut into \(pieces.count) pieces, the response is another")
        }
    }

    private static func read(_ pieces: [ByteBuffer]) -> Outcome {
        var reader = HTTPResponseReader()
        var outcome = Outcome()
        do throws(HTTPResponseError) {
            for piece in pieces {
                // What comes after the end is for nobody, and ends the connection.
                outcome.isReusable = outcome.isReusable && piece.readableBytes == 0
                reader.receive(piece)
                while let event = try reader.next() {
                    promise(!outcome.hasEnded, "something came after the end")
                    switch event {
                    case .head:
                        promise(outcome.head == nil, "a second head came")
                        outcome.head = reader.head
                    case .body(let bytes):
                        promise(bytes.readableBytes > 0, "a piece of the body is empty")
                        outcome.body += bytes.readableBytesView
                    case .end: (outcome.hasEnded, outcome.isReusable) = (true, reader.isReusable)
                    }
                }
            }
        } catch {
            outcome.error = error
        }
        outcome.endsAtClose = reader.endsAtClose
        return outcome
    }
}
