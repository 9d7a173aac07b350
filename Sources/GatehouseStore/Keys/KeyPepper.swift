import Crypto
import GatehouseCore

/// The secret that digests of tokens are keyed by: whoever has the database only can neither try tokens against it nor put
/// one of his own there. It is made at the first start and kept in the data directory.
package struct KeyPepper: Sendable {
    private static let fewestBytes = 32
    private static let mostBytes = 512

    private let key: SymmetricKey

    init(_ secret: Secret) {
        key = SymmetricKey(data: Array(secret.reveal().utf8))
    }

    /// The pepper of a data directory, which must be there; makes one where there is none.
    package static func load(directory: String) throws(StoreError) -> KeyPepper {
        let path = "\(directory)/keys.pepper"
        if let pepper = try read(path) { return pepper }
        let secret = RandomDigits.make(bytes: 32)
        if try PrivateFile.create(path, in: directory, content: Array((secret + "\n").utf8)) {
            return KeyPepper(Secret(secret))
        }
        // Another process was faster; its pepper is the pepper.
        guard let pepper = try read(path) else { throw StoreError(.io, path, "came and went while it was read") }
        return pepper
    }

    private static func read(_ path: String) throws(StoreError) -> KeyPepper? {
        guard let bytes = try PrivateFile.read(path, limit: mostBytes) else { return nil }
        let secret = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
        guard secret.count >= fewestBytes, secret.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw StoreError(
                .unsafe, path,
                "does not hold one secret of at least \(fewestBytes) visible characters; restore it from a backup: "
                    + "without it no key of the store is known")
        }
        return KeyPepper(Secret(String(decoding: secret, as: UTF8.self)))
    }

    /// HMAC-SHA-256 of a whole token.
    func digest(_ token: Substring) -> [UInt8] {
        var token = token
        return token.withUTF8 { Array(HMAC<SHA256>.authenticationCode(for: UnsafeRawBufferPointer($0), using: key)) }
    }

    func fingerprint(_ token: Substring) -> Fingerprint {
        digest(token).withUnsafeBytes { Fingerprint($0) }
    }
}
