package import NIOCore

/// Walks over a `multipart/form-data` body as its bytes come, and keeps the small fields that were asked for. Files are
/// walked over, never held: what is held is bounded by one part's headers or one small field.
///
/// Stricter than `MultipartReader`, which does the work: no text before the first part or behind the last, and a field
/// that was asked for comes once.
package struct MultipartScanner: Sendable {
    package static let maximumParts = 128
    /// Bytes of one part's headers.
    package static let maximumHeaders = 8 << 10
    /// Bytes of a field that is kept.
    package static let maximumValue = 64 << 10

    private let wanted: Set<String>
    private var reader: MultipartReader
    private var head = MultipartHead()
    private var field: (name: String, start: Int, value: [UInt8])?

    /// - Parameter wanted: Names of the fields to keep.
    package init(boundary: MultipartBoundary, wanted: Set<String>) {
        self.wanted = wanted
        var limits = MultipartReader.Limits()
        limits.parts = Self.maximumParts
        limits.headerLines = .max
        limits.headerBytes = Self.maximumHeaders
        limits.preamble = 0
        limits.epilogue = 0
        reader = MultipartReader(boundary: boundary.text, limits: limits)
    }

    /// Takes bytes as they come.
    ///
    /// - Throws: `invalid_value` for what is no body of this kind, or is larger than the limits.
    package mutating func receive(_ bytes: ByteBuffer) throws(GatehouseError) {
        reader.feed(bytes)
        while let event = try next() {
            switch event {
            case .part(let name, let filename, _): try begin(name, isFile: filename != nil)
            case .data(let bytes): try keep(bytes)
            case .partEnd: try close()
            case .end: break
            }
        }
    }

    /// The body ended.
    ///
    /// - Throws: `invalid_value` when its last boundary is missing.
    package mutating func end() throws(GatehouseError) -> MultipartHead {
        do throws(GatehouseError) { try reader.finish() } catch { throw Self.invalid(error) }
        return head
    }

    /// Reads a whole body.
    package static func head(
        of body: ByteBuffer, boundary: MultipartBoundary, wanted: Set<String>
    ) throws(GatehouseError) -> MultipartHead {
        var scanner = MultipartScanner(boundary: boundary, wanted: wanted)
        try scanner.receive(body)
        return try scanner.end()
    }

    private mutating func next() throws(GatehouseError) -> MultipartReader.Event? {
        do throws(GatehouseError) { return try reader.next() } catch { throw Self.invalid(error) }
    }

    private mutating func begin(_ name: String, isFile: Bool) throws(GatehouseError) {
        if wanted.contains(name), !isFile {
            guard !head.names.contains(name) else { throw Self.invalid("has the field \(name) twice") }
            field = (name, reader.offset, [])
        } else if wanted.contains(name) {
            throw Self.invalid("has a file for the field \(name)")
        }
        head.names.append(name)
    }

    /// Keeps the bytes, when they belong to a field that was asked for.
    private mutating func keep(_ bytes: ByteBuffer) throws(GatehouseError) {
        guard let held = field?.value.count else { return }
        guard bytes.readableBytes <= Self.maximumValue - held else {
            throw Self.invalid("has a field larger than \(Self.maximumValue) bytes")
        }
        field?.value += bytes.readableBytesView
    }

    private mutating func close() throws(GatehouseError) {
        guard let field else { return }
        self.field = nil
        guard let value = String(validating: field.value, as: UTF8.self) else {
            throw Self.invalid("has the field \(field.name) in another encoding than UTF-8")
        }
        let range = field.start..<field.start + field.value.count
        head.fields.append(MultipartHead.Field(name: field.name, value: value, range: range))
    }

    /// What the reader found, in this surface's own code.
    private static func invalid(_ error: GatehouseError) -> GatehouseError {
        GatehouseError(.invalidValue, error.message, param: "body")
    }

    private static func invalid(_ rule: String) -> GatehouseError {
        invalid(MultipartReader.bad(rule))
    }
}
