import GatehouseCore
import NIOCore

/// The framing of agents' output: every cut gives the lines between line feeds, and the limits hold.
enum LinesFuzz {
    private static let lineLimit = 64
    private static let totalLimit = 1024

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let expected = plainLines(bytes)
        for pieces in Cuts.all(bytes[...]) {
            let (lines, isWhole) = read(pieces, JSONLineFramer())
            promise(isWhole, "refused far below the limits")
            promise(lines == expected, "cut into \(pieces.count) pieces, the lines are others")
            let (limited, _) = read(pieces, JSONLineFramer(lineLimit: lineLimit, totalLimit: totalLimit))
            // What comes behind the last line feed is not held to the limit of a line before it has grown beyond it.
            promise(limited.elementsEqual(expected.prefix(limited.count)), "limits change what lines say")
            promise(limited.dropLast().allSatisfy { $0.count <= lineLimit }, "a line beyond the limit passed")
            promise(limited.reduce(0) { $0 + $1.count } <= totalLimit, "more than the limit in all passed")
        }
    }

    private static func read(_ pieces: [ByteBuffer], _ framer: JSONLineFramer) -> (lines: [[UInt8]], isWhole: Bool) {
        var framer = framer
        var lines: [[UInt8]] = []
        do throws(Failure) {
            for piece in pieces {
                try framer.feed(piece)
                while let line = try framer.next() { lines.append(Array(line.readableBytesView)) }
            }
        } catch {
            return (lines, false)
        }
        if let line = framer.last() { lines.append(Array(line.readableBytesView)) }
        return (lines, true)
    }

    private static func plainLines(_ bytes: [UInt8]) -> [[UInt8]] {
        let parts = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        guard let last = parts.last else { return [] }
        let whole = parts.dropLast().map { $0.last == 0x0D ? Array($0.dropLast()) : $0 }
        return last.isEmpty ? whole : whole + [last]
    }
}
