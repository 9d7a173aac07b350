import GatehouseCore

/// Documents that text is read from: the first byte chooses the kind. No bytes make a reader trap or print more than is
/// taken, and pages always have a text.
enum DocumentsFuzz {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        guard let first = input.first else { return }
        let file = Array(input.dropFirst())
        let kinds = OfficeText.Kind.allCases
        if Int(first) % (kinds.count + 1) == kinds.count {
            let text = try? HTMLText.text(of: file)
            promise(text != nil, "a small page has no text")
            // An item of a list is the least that grows: four bytes become two, and its line.
            promise((text ?? []).count <= 2 * file.count + 8, "the text of a page is far larger than it")
        } else if let text = try? OfficeText.text(of: file, kind: kinds[Int(first) % (kinds.count + 1)]) {
            promise(text.count <= 4 << 20, "a document has more text than is taken")
        }
    }
}
