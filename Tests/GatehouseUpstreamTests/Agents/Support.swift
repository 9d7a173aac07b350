import GatehouseCore
import GatehouseUpstream
import Glibc
import NIOCore

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// What a whole run of an output reader gave.
struct Reading: Equatable {
    var events: [CanonicalEvent] = []
    var result: Result<Finish, Failure>

    /// The text of the answer.
    var text: String {
        events.map { if case .textDelta(let text) = $0 { text } else { "" } }.joined()
    }

    var reasoning: String {
        events.map { if case .reasoningDelta(let text) = $0 { text } else { "" } }.joined()
    }

    var toolsStarted: [String] {
        events.compactMap { if case .toolStarted(_, let name, _) = $0 { name } else { nil } }
    }

    var toolsFinished: [Bool] {
        events.compactMap { if case .toolFinished(_, let succeeded, _) = $0 { succeeded } else { nil } }
    }

    var finish: Finish? { try? result.get() }

    var failure: Failure? {
        if case .failure(let failure) = result { failure } else { nil }
    }
}

/// Feeds pieces to a reader of a kind and ends it.
func read(
    _ kind: AgentKind, _ pieces: [ByteBuffer], exit: AgentExit = AgentExit(.exited(0))
) throws -> Reading {
    guard var output = kind.cli?.makeOutput() else { throw Failure(.input, detail: "no reader") }
    var events: [CanonicalEvent] = []
    for piece in pieces { events += try output.feed(piece) }
    let ending = output.end(exit)
    return Reading(events: events + ending.events, result: ending.result)
}

func read(_ kind: AgentKind, _ text: String, exit: AgentExit = AgentExit(.exited(0))) throws -> Reading {
    try read(kind, [ByteBuffer(string: text)], exit: exit)
}

extension ByteBuffer {
    /// The same bytes, cut at random places.
    func cut(using generator: inout SeededGenerator, atMost size: Int) -> [ByteBuffer] {
        var rest = self
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0 {
            let length = Int.random(in: 1...min(size, rest.readableBytes), using: &generator)
            if let piece = rest.readSlice(length: length) { pieces.append(piece) }
        }
        return pieces
    }
}

/// The root of the repository.
let repository: String = {
    var parts = #filePath.split(separator: "/")
    parts.removeLast(4)
    return "/" + parts.joined(separator: "/")
}()

/// A file as text; `nil` when it is not there.
func contents(of path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = fread(&piece, 1, piece.count, file)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += piece[..<count]
    }
}
