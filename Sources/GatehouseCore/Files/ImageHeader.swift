/// How large a picture says it is, read from its first bytes as they come; nothing is unpacked.
struct ImageHeader: Sendable {
    enum Size: Sendable, Equatable {
        /// More bytes are needed.
        case unknown
        case pixels(width: Int, height: Int)
        /// It is no such picture.
        case wrong
    }

    private(set) var size = Size.unknown
    private let mediaType: String
    private var jpeg = JPEGWalk()
    private var head: [UInt8] = []
    private static let headLimit = 4 << 10

    init(mediaType: String) { self.mediaType = mediaType }

    mutating func take(_ bytes: Span<UInt8>) {
        guard size == .unknown else { return }
        if mediaType == "image/jpeg" {
            size = jpeg.take(bytes)
            return
        }
        for index in 0..<min(bytes.count, Self.headLimit - head.count) { head.append(bytes[index]) }
        size = read()
    }

    private func read() -> Size {
        switch mediaType {
        case "image/png": pixels(big(16, 4), big(20, 4))
        case "image/gif": pixels(little(6, 2), little(8, 2))
        case "image/bmp": bitmap()
        case "image/webp": webp()
        case "image/avif", "image/heic": boxes()
        default: .unknown
        }
    }

    private func pixels(_ width: Int?, _ height: Int?) -> Size {
        guard let width, let height else { return .unknown }
        return width > 0 && height > 0 ? .pixels(width: width, height: height) : .wrong
    }

    private func bitmap() -> Size {
        // The oldest header has two bytes for each.
        if little(14, 4) == 12 { return pixels(little(18, 2), little(20, 2)) }
        guard let width = little(18, 4), let height = little(22, 4) else { return .unknown }
        // A negative height says that the first row is on top.
        let signed = Int32(truncatingIfNeeded: height)
        return pixels(width, Int(signed.magnitude))
    }

    private func webp() -> Size {
        guard head.count >= 30 else { return .unknown }
        switch head[12..<16] {
        case let chunk where chunk.elementsEqual("VP8 ".utf8):
            return pixels(little(26, 2).map { $0 & 0x3FFF }, little(28, 2).map { $0 & 0x3FFF })
        case let chunk where chunk.elementsEqual("VP8L".utf8):
            guard head[20] == 0x2F, let bits = little(21, 4) else { return .wrong }
            return pixels((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case let chunk where chunk.elementsEqual("VP8X".utf8):
            return pixels(little(24, 3).map { $0 + 1 }, little(27, 3).map { $0 + 1 })
        default: return .wrong
        }
    }

    /// The largest of the sizes among the boxes in front; pictures are made of tiles and small previews.
    private func boxes() -> Size {
        guard head.count == Self.headLimit else { return .unknown }
        return largestBox()
    }

    private func largestBox() -> Size {
        var best: (width: Int, height: Int)?
        guard head.count >= 16 else { return .wrong }
        for index in 0...(head.count - 16) where head[index..<(index + 4)].elementsEqual("ispe".utf8) {
            guard let width = big(index + 8, 4), let height = big(index + 12, 4) else { continue }
            if best.map({ $0.width.capped(times: $0.height) < width.capped(times: height) }) ?? true {
                best = (width, height)
            }
        }
        return best.map { pixels($0.width, $0.height) } ?? .wrong
    }

    /// All bytes have come.
    mutating func finish() {
        guard size == .unknown else { return }
        size = mediaType == "image/avif" || mediaType == "image/heic" ? largestBox() : .wrong
    }

    private func big(_ start: Int, _ count: Int) -> Int? {
        guard start + count <= head.count else { return nil }
        return head[start..<(start + count)].reduce(0) { $0 << 8 | Int($1) }
    }

    private func little(_ start: Int, _ count: Int) -> Int? {
        guard start + count <= head.count else { return nil }
        return head[start..<(start + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

/// Goes from segment to segment to the one that has the size: previews and colours may come first.
private struct JPEGWalk: Sendable {
    private enum State {
        case start, marker, length(UInt8), skip(Int), frame
    }

    private var state = State.start
    private var held: [UInt8] = []

    mutating func take(_ bytes: Span<UInt8>) -> ImageHeader.Size {
        var index = 0
        while index < bytes.count {
            if case .skip(let count) = state {
                let step = min(count, bytes.count - index)
                index += step
                state = step == count ? .marker : .skip(count - step)
                continue
            }
            held.append(bytes[index])
            index += 1
            let size = step()
            if size != .unknown { return size }
        }
        return .unknown
    }

    private mutating func step() -> ImageHeader.Size {
        switch state {
        case .start:
            guard held.count == 2 else { return .unknown }
            guard held == [0xFF, 0xD8] else { return .wrong }
            next(.marker)
        case .marker: return marker()
        case .length(let marker):
            guard held.count == 2 else { return .unknown }
            let length = Int(held[0]) << 8 | Int(held[1])
            guard length >= 2 else { return .wrong }
            let isFrame = (0xC0...0xCF).contains(marker) && ![0xC4, 0xC8, 0xCC].contains(marker)
            // Without bytes of its own the next one follows at once.
            next(isFrame ? .frame : length == 2 ? .marker : .skip(length - 2))
        case .frame:
            guard held.count == 5 else { return .unknown }
            let height = Int(held[1]) << 8 | Int(held[2])
            let width = Int(held[3]) << 8 | Int(held[4])
            return width > 0 && height > 0 ? .pixels(width: width, height: height) : .wrong
        case .skip: break
        }
        return .unknown
    }

    private mutating func marker() -> ImageHeader.Size {
        guard held[0] == 0xFF else { return .wrong }
        guard held.count == 2 else { return .unknown }
        switch held[1] {
        // Any number of these may stand in front.
        case 0xFF: held.removeLast()
        case 0x01, 0xD0...0xD7: next(.marker)
        // The picture itself, or its end, without a size.
        case 0x00, 0xD8, 0xD9, 0xDA: return .wrong
        default: next(.length(held[1]))
        }
        return .unknown
    }

    private mutating func next(_ state: State) {
        self.state = state
        held.removeAll(keepingCapacity: true)
    }
}

extension Int {
    /// Neither is negative.
    func capped(times other: Int) -> Int {
        let product = multipliedReportingOverflow(by: other)
        return product.overflow ? .max : product.partialValue
    }
}
