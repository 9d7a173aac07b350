import Crypto
package import GatehouseCore

/// The keys of the configuration and of the data directory, in an immutable table: a reload makes a new store.
///
/// Tokens are not kept. The table knows their SHA-256 behind a random block that is this process's own, so that neither
/// a memory dump nor the time a look-up takes tells anything about a token to somebody who chooses what is looked up.
package final class MemoryKeyStore: KeyStore {
    private let holders: [Fingerprint: Principal]
    private let seeded: SHA256

    /// Of two keys with the same token, the first counts.
    package init(_ keys: [(key: VirtualKey, token: Secret)]) {
        var generator = SystemRandomNumberGenerator()
        // A whole block of the hash, so that it is worked through once, here.
        let pepper = (0..<SHA256.blockByteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var seeded = SHA256()
        seeded.update(data: pepper)
        self.seeded = seeded
        var holders: [Fingerprint: Principal] = [:]
        for (key, token) in keys where !token.isEmpty {
            let fingerprint = Fingerprint(of: token.reveal()[...], seeded)
            if holders[fingerprint] == nil { holders[fingerprint] = Principal(key: key) }
        }
        self.holders = holders
    }

    package func principal(forToken token: Substring) -> Principal? {
        guard !token.isEmpty else { return nil }
        return holders[Fingerprint(of: token, seeded)]
    }
}

/// The peppered digest of a whole token.
private struct Fingerprint: Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(of token: Substring, _ seeded: SHA256) {
        var hash = seeded
        var token = token
        token.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        words = hash.finalize().withUnsafeBytes { bytes in
            func word(_ index: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
            return (word(0), word(1), word(2), word(3))
        }
    }

    /// Looks at all words always.
    static func == (left: Fingerprint, right: Fingerprint) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3)
        return difference == 0
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}
