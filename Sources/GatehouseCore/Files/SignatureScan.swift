/// Looks for short byte sequences in bytes that come in pieces, wherever these are cut.
struct SignatureScan: Sendable {
    /// What was seen.
    struct Found: OptionSet, Sendable {
        let rawValue: Int

        static let zipEntry = Found(rawValue: 1 << 0)
        static let zipEnd = Found(rawValue: 1 << 1)
        static let pdfStart = Found(rawValue: 1 << 2)
        static let pdfEnd = Found(rawValue: 1 << 3)
        /// What browsers would run, or read as a page.
        static let active = Found(rawValue: 1 << 4)
        static let officeTypes = Found(rawValue: 1 << 5)
        static let word = Found(rawValue: 1 << 6)
        static let sheet = Found(rawValue: 1 << 7)
        static let slides = Found(rawValue: 1 << 8)
    }

    struct Signature: Sendable {
        let bytes: [UInt8]
        /// Letters match in both cases; they are written in lower case.
        var isFolded = false
        let means: Found

        init(_ text: String, isFolded: Bool = true, _ means: Found) {
            bytes = Array(text.utf8)
            self.isFolded = isFolded
            self.means = means
        }
    }

    private(set) var found: Found = []
    /// Where the last end of a zip file begins.
    private(set) var lastZipEnd = 0
    private let signatures: [Signature]
    /// By a first byte, which signatures begin so.
    private let byLead: [UInt32]
    private let longest: Int
    /// The last bytes of what was taken, fewer than the longest signature has.
    private var tail: [UInt8] = []
    private var taken = 0

    /// - Parameter signatures: Up to 32.
    init(_ signatures: [Signature]) {
        self.signatures = Array(signatures.prefix(32))
        longest = self.signatures.reduce(1) { max($0, $1.bytes.count) }
        var byLead = [UInt32](repeating: 0, count: 256)
        for (index, signature) in self.signatures.enumerated() {
            guard let first = signature.bytes.first else { continue }
            byLead[Int(first)] |= 1 << UInt32(index)
            if signature.isFolded, (0x61...0x7A).contains(first) { byLead[Int(first ^ 0x20)] |= 1 << UInt32(index) }
        }
        self.byLead = byLead
    }

    mutating func take(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        // What begins in the tail and ends in these bytes.
        if !tail.isEmpty {
            var joint = tail
            for index in 0..<min(bytes.count, longest - 1) { joint.append(bytes[index]) }
            scan(joint.span, starts: 0..<tail.count, at: taken - tail.count)
        }
        scan(bytes, starts: 0..<bytes.count, at: taken)
        for index in max(0, bytes.count - longest + 1)..<bytes.count { tail.append(bytes[index]) }
        if tail.count >= longest { tail.removeFirst(tail.count - longest + 1) }
        taken = taken.capped(adding: bytes.count)
    }

    /// - Parameter offset: Where `bytes` begins in the whole.
    private mutating func scan(_ bytes: Span<UInt8>, starts: Range<Int>, at offset: Int) {
        let leads = byLead
        for index in starts {
            var candidates = leads[Int(bytes[index])]
            while candidates != 0 {
                let signature = signatures[candidates.trailingZeroBitCount]
                candidates &= candidates &- 1
                guard Self.stands(signature, in: bytes, at: index) else { continue }
                found.insert(signature.means)
                if signature.means == .zipEnd { lastZipEnd = offset + index }
            }
        }
    }

    private static func stands(_ signature: Signature, in bytes: Span<UInt8>, at start: Int) -> Bool {
        guard bytes.count - start >= signature.bytes.count else { return false }
        for (index, wanted) in signature.bytes.enumerated() {
            let byte = bytes[start + index]
            let isSame = byte == wanted || signature.isFolded && (0x41...0x5A).contains(byte) && byte | 0x20 == wanted
            guard isSame else { return false }
        }
        return true
    }
}

extension SignatureScan {
    /// Two ends of a zip file: readers find it by its end, whatever stands before it.
    private static let zip = [
        Signature("PK\u{1}\u{2}", isFolded: false, .zipEntry), Signature("PK\u{5}\u{6}", isFolded: false, .zipEnd),
    ]

    private static let pages = ["<script", "<html", "<!doctype html", "<?php", "<iframe", "<svg", "<object", "<embed"]
        .map { Signature($0, .active) }

    /// What makes a picture in SVG more than a picture.
    private static let svg =
        [
            "<script", "javascript:", "<foreignobject", "<!entity", "<iframe", "onload", "onerror", "onclick",
            "onbegin",
            "onend", "onfocus", "onmouse", "onpointer", "onactivate", "onrepeat", "onanimation",
        ].map { Signature($0, .active) }

    private static let text = [
        Signature("startxref", isFolded: false, .pdfEnd),
        // `<` in UTF-7. No Base64 has both of its signs.
        Signature("+ADw-", isFolded: false, .active),
    ]

    private static let office = [
        Signature("[content_types].xml", .officeTypes), Signature("word/", .word), Signature("xl/", .sheet),
        Signature("ppt/", .slides),
    ]

    /// What matters in a file of this type.
    init(for type: FileType) {
        switch type.family {
        case .text: self.init(Self.zip + Self.text)
        case .markup: self.init(Self.zip + Self.text + (type.mediaType == "image/svg+xml" ? Self.svg : []))
        case .image, .audio, .video: self.init(Self.zip + Self.pages)
        case .office: self.init(Self.zip + Self.office)
        case .archive, .document, .other: self.init(Self.zip)
        }
    }
}
