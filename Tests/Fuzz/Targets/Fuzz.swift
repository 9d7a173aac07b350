import Glibc
import NIOCore

/// What can be fuzzed. Each takes any bytes, and traps when the code under test breaks a promise.
enum FuzzTarget: String, CaseIterable {
    case json, head, sse, stream, lines, response, request, multipart, content, documents, terminal

    /// The target of this process; there is no use in fuzzing nothing.
    static let current: FuzzTarget = {
        let name = getenv("GATEHOUSE_FUZZ").map { String(cString: $0) } ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            print("GATEHOUSE_FUZZ must be one of \(allCases.map(\.rawValue).joined(separator: ", "))")
            exit(64)
        }
        return target
    }()

    func run(_ input: UnsafeBufferPointer<UInt8>) {
        switch self {
        case .json: JSONFuzz.run(input)
        case .head: HeadFuzz.run(input)
        case .sse: SSEFuzz.run(input)
        case .stream: StreamFuzz.run(input)
        case .lines: LinesFuzz.run(input)
        case .response: ResponseFuzz.run(input)
        case .request: RequestFuzz.run(input)
        case .multipart: MultipartFuzz.run(input)
        case .content: ContentFuzz.run(input)
        case .documents: DocumentsFuzz.run(input)
        case .terminal: TerminalFuzz.run(input)
        }
    }
}

/// Called from C for every input.
@_cdecl("gatehouse_fuzz")
package func gatehouseFuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) {
    FuzzTarget.current.run(UnsafeBufferPointer(start: data, count: size))
}

/// A promise that every input must keep. It holds in optimized builds too.
func promise(_ holds: Bool, _ what: @autoclosure () -> String) {
    precondition(holds, what())
}

/// Ways to cut one input into pieces, as a network might.
enum Cuts {
    /// Whole; byte by byte; and in pieces whose sizes the input itself decides.
    static func all(_ bytes: ArraySlice<UInt8>) -> [[ByteBuffer]] {
        [[ByteBuffer(bytes: bytes)], bytes.map { ByteBuffer(bytes: [$0]) }, uneven(bytes)]
    }

    private static func uneven(_ bytes: ArraySlice<UInt8>) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var state = bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        var rest = bytes
        while !rest.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let size = Int(state >> 60) + 1
            pieces.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}
