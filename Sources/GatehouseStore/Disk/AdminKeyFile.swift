package import GatehouseCore

/// The administrator's key, made at the first start and kept in the data directory.
package struct AdminKeyFile: Sendable {
    /// Of the file.
    package let path: String
    private let directory: String

    /// The name of the key in logs and bills.
    package static let keyName = "admin"
    private static let prefix = "gh-admin-"
    private static let fewestBytes = 32
    private static let mostBytes = 512

    /// In `directory`, which must be there before a key is made.
    package init(directory: String) {
        self.directory = directory
        path = "\(directory)/admin.key"
    }

    /// The key, and whether it was made just now and must be shown to the operator.
    package func load() throws(StoreError) -> (key: Secret, isNew: Bool) {
        if let key = try read() { return (key, false) }
        let key = Self.prefix + RandomDigits.make(bytes: 32)
        if try PrivateFile.create(path, in: directory, content: Array((key + "\n").utf8)) { return (Secret(key), true) }
        // Another process was faster; its key is the key.
        guard let key = try read() else { throw StoreError(.io, path, "came and went while it was read") }
        return (key, false)
    }

    /// The key, `nil` when none has been made. Refuses a file that others can read, and one without a key in it.
    package func read() throws(StoreError) -> Secret? {
        guard let bytes = try PrivateFile.read(path, limit: Self.mostBytes) else { return nil }
        let key = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
        let rest = bytes.dropFirst(key.count)
        guard key.count >= Self.fewestBytes, key.allSatisfy({ (0x21...0x7E).contains($0) }),
            rest.allSatisfy({ $0 == 0x0A || $0 == 0x0D })
        else {
            throw StoreError(
                .unsafe, path,
                "does not hold one key of at least \(Self.fewestBytes) visible characters; delete it to get a new one")
        }
        return Secret(String(decoding: key, as: UTF8.self))
    }
}

extension AdminKeyFile {
    /// What the key may do: everything.
    package static let virtualKey = VirtualKey(name: keyName, role: .admin, models: [ModelPattern("*")])
}
