/// The checksum of event streams: CRC-32 of ISO 3309, as in gzip (polynomial 0xEDB88320, reflected).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        let table = table
        var sum: UInt32 = 0xFFFF_FFFF
        for index in bytes.indices {
            sum = table[Int((sum ^ UInt32(bytes[index])) & 0xFF)] ^ (sum >> 8)
        }
        return ~sum
    }
}
