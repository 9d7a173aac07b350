/// Why the text of a file was not read. The reader is a process of its own and ends with this as its exit code; what else
/// it says is not passed on.
package enum ReadingFailure: Int32, Error, Sendable, CaseIterable {
    case damaged = 65
    /// There would be far more of it than the file has bytes.
    case unpacked = 66
    /// More text than is taken.
    case limit = 67

    package var error: GatehouseError {
        switch self {
        case .damaged:
            GatehouseError(
                .unprocessableFile, "The file cannot be read as what it says it is: it is damaged, encrypted or empty.",
                param: "file")
        case .unpacked:
            GatehouseError(
                .unpackedTooLarge, "Unpacked, the file would be far larger than it is, or has too many entries.",
                param: "file")
        case .limit:
            GatehouseError(
                .extractionLimit, "Reading the file's text took more time, memory or room than is allowed.",
                param: "file")
        }
    }
}
