extension String {
    /// Whether this is the header of the given lower-case name (RFC 9110 §5.1: names ignore case).
    package func isHeader(_ name: StaticString) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        var offset = 0
        for byte in utf8 {
            let lower = byte &- 65 < 26 ? byte | 0x20 : byte
            if lower != name.utf8Start[offset] { return false }
            offset += 1
        }
        return true
    }
}
