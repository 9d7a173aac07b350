import NIOCore

@testable import GatehouseUpstream

/// What the reader makes of a response that comes in pieces and then ends with its connection.
struct ReadResponse: Equatable {
    enum End: Equatable {
        case whole, cut
        case refused(HTTPResponseError)
    }

    private(set) var end = End.cut
    private(set) var head: HTTPReplyHead?
    private(set) var body: [UInt8] = []
    private(set) var isReusable = false
    /// How many pieces the body came in.
    private(set) var slices = 0

    init(_ pieces: [ByteBuffer]) {
        var reader = HTTPResponseReader()
        do throws(HTTPResponseError) {
            for piece in pieces {
                // What comes after the end is for nobody.
                if end == .whole { isReusable = isReusable && piece.readableBytes == 0 }
                reader.receive(piece)
                while let event = try reader.next() { take(event, reader) }
            }
        } catch {
            end = .refused(error)
        }
        if end == .cut, reader.endsAtClose { end = .whole }
    }

    init(_ text: String) {
        self.init([ByteBuffer(string: text)])
    }

    private mutating func take(_ event: HTTPResponseReader.Event, _ reader: HTTPResponseReader) {
        switch event {
        case .head: head = reader.head
        case .body(let bytes):
            slices += 1
            body += bytes.readableBytesView
        case .end:
            end = .whole
            isReusable = reader.isReusable
        }
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    /// But for how the body was cut.
    static func == (one: Self, other: Self) -> Bool {
        one.end == other.end && one.head == other.head && one.body == other.body && one.isReusable == other.isReusable
    }
}

/// Cuts bytes as a network might.
enum Cut {
    static func random(_ bytes: [UInt8], _ random: inout SeededRandom) -> [ByteBuffer] {
        switch random.below(4) {
        case 0: return [ByteBuffer(bytes: bytes)]
        case 1: return single(bytes)
        default: break
        }
        var pieces: [ByteBuffer] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let size = 1 + random.below(40)
            pieces.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }

    static func single(_ bytes: [UInt8]) -> [ByteBuffer] {
        bytes.map { ByteBuffer(bytes: [$0]) }
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ limit: Int) -> Int {
        Int(next() % UInt64(max(limit, 1)))
    }

    mutating func one<Element>(of choices: [Element]) -> Element {
        choices[below(choices.count)]
    }
}
