/// What becomes of an attempt at its upstream.
enum Fate: Equatable {
    case answer
    /// Nobody listens.
    case refused
    /// The connection is not made in time.
    case unconnected
    /// The request is out when the connection breaks.
    case reset
    /// The request is out, and nothing comes.
    case silent
    /// An error, with its status.
    case status(Int)
    /// A 200 without an answer in it.
    case empty
    /// A 200 that holds an error.
    case errorInside
    /// A page for people in place of an answer.
    case page
    /// Bytes that are no JSON.
    case garbage
    /// The answer stops before, or behind, its first content; the connection ends as if all were well.
    case cutBefore, cutBehind
    /// The connection breaks behind some content.
    case resetBehind
    /// Nothing more comes behind the head, or behind some content.
    case stalledBefore, stalledBehind
    /// An error as an event behind some content.
    case errorBehind
    /// Every choice tells why it finished, but the end of the stream is missing.
    case unfinished
    /// The answer takes longer than the upstream may.
    case endless

    /// Whether the upstream may ask money for it.
    var mayBeBilled: Bool {
        switch self {
        case .refused, .unconnected: false
        // Whoever gave up on its own had begun.
        case .status(let status): status == 408 || status == 504
        case .errorInside: false
        default: true
        }
    }

    /// Whether the upstream had the request.
    var isSent: Bool { self != .refused && self != .unconnected }

    /// All that can go wrong, for worlds in which one thing goes wrong again and again.
    static let failures: [Fate] = [
        .refused, .unconnected, .reset, .silent, .status(500), .status(502), .status(503), .status(529), .status(429),
        .status(401), .status(402), .status(403), .status(404), .status(408), .status(400), .status(504), .empty,
        .errorInside, .page, .garbage, .cutBefore, .cutBehind, .resetBehind, .stalledBefore, .stalledBehind,
        .errorBehind, .unfinished, .endless,
    ]

    /// What mostly goes wrong when something does.
    static let usual: [Fate] = [
        .refused, .refused, .reset, .silent, .status(500), .status(503), .status(429), .status(429), .status(529),
        .cutBefore, .cutBehind, .resetBehind,
    ]
}
