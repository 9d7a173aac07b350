/// The members of a zip file, read from its directory at the end, and unpacked one at a time.
///
/// What could be more than it seems is refused before anything is unpacked: too many members, far more content than
/// bytes, members that share bytes, names that lead elsewhere, links. Archives in an archive are never opened.
struct ZipDirectory {
    static let memberLimit = 1000
    /// Bytes of all members unpacked, and their ratio to the bytes of the file.
    static let sizeLimit = 200 << 20
    static let ratioLimit = 100
    /// So much may come out of any file: text that repeats itself is packed a thousand times smaller.
    static let smallSize = 4 << 20
    /// Of one member that is unpacked.
    static let unpackLimit = 64 << 20

    private struct Member {
        let isPacked: Bool
        let checksum: UInt32
        /// In the file, and unpacked.
        let packed: Int
        let size: Int
        /// Where its own header begins.
        let start: Int
    }

    private let file: [UInt8]
    private var members: [String: Member] = [:]

    /// In no order.
    var names: some Sequence<String> { members.keys }

    init(_ file: [UInt8]) throws(ReadingFailure) {
        self.file = file
        let (count, start, end) = try findDirectory()
        guard count <= Self.memberLimit else { throw .unpacked }
        var place = start
        for _ in 0..<count { place = try readMember(at: place, end: end) }
        try checkSizes()
        try checkPlaces(end: start)
    }

    /// The content of a member; `nil` when there is none of this name.
    func content(of name: String) throws(ReadingFailure) -> [UInt8]? {
        guard let member = members[name] else { return nil }
        guard member.size <= Self.unpackLimit else { throw .unpacked }
        let start = try dataStart(of: member)
        guard member.packed <= file.count - start else { throw .damaged }
        let packed = file[start..<(start + member.packed)]
        let content = member.isPacked ? try Inflate.unpack(packed, size: member.size) : Array(packed)
        let checksum = CRC32.checksum(content.span)
        guard content.count == member.size, checksum == member.checksum else { throw .damaged }
        return content
    }

    // MARK: The directory

    /// The end of the file says where the directory is. Only a comment may follow it, of the length that it says.
    private func findDirectory() throws(ReadingFailure) -> (count: Int, start: Int, end: Int) {
        guard file.count >= 22 else { throw .damaged }
        var place = file.count - 22
        let first = max(0, place - 0xFFFF)
        while place >= first {
            if number(place, 4) == 0x0605_4B50, number(place + 20, 2) == file.count - place - 22 {
                let count = number(place + 10, 2) ?? 0, size = number(place + 12, 4) ?? 0
                let start = number(place + 16, 4) ?? 0
                // The larger form, with 64 bits, begins there.
                guard count != 0xFFFF else { throw .unpacked }
                guard number(place + 4, 4) == 0, number(place + 8, 2) == count, start <= place,
                    size <= place - start
                else { throw .damaged }
                return (count, start, start + size)
            }
            place -= 1
        }
        throw .damaged
    }

    /// Answers where the next one begins.
    private mutating func readMember(at place: Int, end: Int) throws(ReadingFailure) -> Int {
        guard end - place >= 46, number(place, 4) == 0x0201_4B50, let flags = number(place + 8, 2),
            let method = number(place + 10, 2), let checksum = number(place + 16, 4),
            let packed = number(place + 20, 4), let size = number(place + 24, 4),
            let nameLength = number(place + 28, 2), let extraLength = number(place + 30, 2),
            let commentLength = number(place + 32, 2), let attributes = number(place + 38, 4),
            let start = number(place + 42, 4)
        else { throw .damaged }
        let next = place + 46 + nameLength + extraLength + commentLength
        guard next <= end, let name = String(validating: file[(place + 46)..<(place + 46 + nameLength)], as: UTF8.self),
            Self.isHarmless(name)
        else { throw .damaged }
        // Not encrypted, no link, and packed in one of the two ways that there are in documents.
        guard flags & 1 == 0, attributes >> 28 != 0xA, method == 0 || method == 8, method == 8 || packed == size else {
            throw .damaged
        }
        let member = Member(
            isPacked: method == 8, checksum: UInt32(truncatingIfNeeded: checksum), packed: packed, size: size,
            start: start)
        guard members.updateValue(member, forKey: name) == nil else { throw .damaged }
        return next
    }

    private static func isHarmless(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("/") && !name.utf8.contains(0x5C) && !name.utf8.contains(0)
            && !name.split(separator: "/").contains("..")
    }

    private func checkSizes() throws(ReadingFailure) {
        let total = members.values.reduce(0) { $0.capped(adding: $1.size) }
        guard total <= Self.sizeLimit, total <= Self.smallSize || total / Self.ratioLimit <= file.count else {
            throw .unpacked
        }
    }

    /// Members that share bytes are how a small file becomes a large one.
    private func checkPlaces(end: Int) throws(ReadingFailure) {
        var free = 0
        for member in members.values.sorted(by: { $0.start < $1.start }) {
            guard member.start >= free else { throw .unpacked }
            let start = try dataStart(of: member)
            guard member.packed <= end - start else { throw .damaged }
            free = start + member.packed
        }
    }

    private func dataStart(of member: Member) throws(ReadingFailure) -> Int {
        guard number(member.start, 4) == 0x0403_4B50, let nameLength = number(member.start + 26, 2),
            let extraLength = number(member.start + 28, 2)
        else { throw .damaged }
        let start = member.start + 30 + nameLength + extraLength
        guard start <= file.count else { throw .damaged }
        return start
    }

    /// Lowest byte first.
    private func number(_ place: Int, _ count: Int) -> Int? {
        guard place >= 0, count <= file.count - place else { return nil }
        return file[place..<(place + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
