/// The function calls of a streamed answer whose pieces have yet to be written, in the order they began.
struct PendingCalls {
    struct Call {
        var index: Int
        var id = ""
        var name = ""
        var arguments = ""
    }

    /// Bytes held at most; a stream that needs more cannot be put in order and is given up.
    static let maximumBytes = 16 << 20

    private var calls: [Call] = []
    private var size = 0

    var isEmpty: Bool { calls.isEmpty }
    private(set) var isOverflowing = false

    mutating func add(_ index: Int, id: String?, name: String?, arguments: String) {
        size = size.capped(adding: arguments.utf8.count.capped(adding: 64))
        guard size <= Self.maximumBytes else {
            isOverflowing = true
            return
        }
        let place = calls.firstIndex { $0.index == index } ?? calls.endIndex
        if place == calls.endIndex { calls.append(Call(index: index)) }
        if let id, !id.isEmpty { calls[place].id = id }
        calls[place].name += name ?? ""
        calls[place].arguments += arguments
    }

    /// Gives the calls and forgets them.
    mutating func take() -> [Call] {
        let taken = calls
        calls = []
        size = 0
        return taken
    }
}
