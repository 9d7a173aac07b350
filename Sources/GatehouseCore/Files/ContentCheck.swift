package import NIOCore

/// Sees to it that a file's content is what its name says, and nothing else beside, while its bytes come.
///
/// Text is UTF-8 without NUL. Everything else begins as its kind does. A file that two readers could take for two things
/// is refused: a zip file behind a picture, a page in one, a PDF that begins in the middle of something. What is held is
/// the head and a few bytes; the result is the same however the bytes are cut.
package struct ContentCheck: Sendable {
    package static let headLimit = 4 << 10
    /// Of a picture: more take hundreds of megabytes where they are unpacked.
    package static let pixelLimit = 40_000_000

    /// The first bytes, for libmagic.
    package private(set) var head: [UInt8] = []
    private let type: FileType
    private let ending: String
    private var size = 0
    private var text: TextCheck?
    private var image: ImageHeader?
    private var signatures: SignatureScan
    /// The first bytes have been looked at.
    private var hasStarted = false

    package init(_ type: FileType, name: FileName) {
        self.type = type
        ending = name.ending
        signatures = SignatureScan(for: type)
        if type.isText { text = TextCheck() }
        if type.family == .image { image = ImageHeader(mediaType: type.mediaType) }
    }

    /// Takes bytes as they come.
    ///
    /// - Throws: `type_mismatch` as soon as it is certain.
    package mutating func take(_ bytes: ByteBuffer) throws(GatehouseError) {
        let span = bytes.readableBytesUInt8Span
        size = size.capped(adding: span.count)
        for index in 0..<min(span.count, Self.headLimit - head.count) { head.append(span[index]) }
        if !hasStarted, head.count >= ContentMagic.needed { try start() }
        guard text?.take(span) ?? true else { throw mismatch() }
        image?.take(span)
        guard image?.size != .wrong else { throw mismatch() }
        signatures.take(span)
        guard !signatures.found.contains(.active) else { throw mismatch() }
    }

    private mutating func start() throws(GatehouseError) {
        hasStarted = true
        guard ContentMagic.matches(type, head) else { throw mismatch() }
    }

    /// All bytes have come.
    ///
    /// - Parameter sniffed: What libmagic makes of the head; `nil` when it could not be asked.
    /// - Throws: `type_mismatch`, or `unpacked_too_large` for a picture with too many pixels.
    package mutating func finish(sniffed: String?) throws(GatehouseError) {
        guard type.isText || size > 0 else { throw mismatch() }
        if !hasStarted { try start() }
        guard text?.isWhole ?? true, hasOneFormat, hasItsParts, sniffed.map(type.isSniffed) ?? true else {
            throw mismatch()
        }
        try checkPixels()
    }

    private mutating func checkPixels() throws(GatehouseError) {
        image?.finish()
        guard let image else { return }
        guard case .pixels(let width, let height) = image.size else { throw mismatch() }
        guard width.capped(times: height) <= Self.pixelLimit else {
            throw GatehouseError(
                .unpackedTooLarge, "The picture has more than \(Self.pixelLimit / 1_000_000) million pixels.",
                param: "file")
        }
    }

    private var isZip: Bool { type.family == .office || type.mediaType == "application/zip" }

    /// Whether readers of zip files would find one: they look for its end among the last bytes.
    private var endsAsZip: Bool {
        signatures.found.contains(.zipEnd) && size - signatures.lastZipEnd <= (64 << 10) + 22
    }

    private var hasOneFormat: Bool {
        if !isZip, signatures.found.contains(.zipEntry), endsAsZip { return false }
        guard type.family != .document, type.family != .office, type.family != .archive else { return true }
        guard ContentMagic.hidesPDF(head) else { return true }
        // A text may speak of PDF; it is one when it has the other end of it, too.
        return type.isText && !signatures.found.contains(.pdfEnd)
    }

    private var hasItsParts: Bool {
        guard isZip else { return true }
        guard endsAsZip else { return false }
        let parts: SignatureScan.Found =
            switch ending {
            case ".docx": [.officeTypes, .word]
            case ".xlsx": [.officeTypes, .sheet]
            case ".pptx": [.officeTypes, .slides]
            default: []
            }
        return signatures.found.isSuperset(of: parts)
    }

    private func mismatch() -> GatehouseError {
        GatehouseError(
            .typeMismatch, "The content of the file is not what its ending \(ending) says, or not that alone.",
            param: "file")
    }
}
