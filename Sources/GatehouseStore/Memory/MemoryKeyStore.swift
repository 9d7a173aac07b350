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
            let fingerprint = Self.fingerprint(token.reveal()[...], seeded)
            if holders[fingerprint] == nil { holders[fingerprint] = Principal(key: key) }
        }
        self.holders = holders
    }

    package func principal(forToken token: Substring) -> Principal? {
        guard !token.isEmpty else { return nil }
        return holders[Self.fingerprint(token, seeded)]
    }

    package func holds(_ principal: Principal) -> Bool { holders.values.contains { $0.name == principal.name } }

    private static func fingerprint(_ token: Substring, _ seeded: SHA256) -> Fingerprint {
        var hash = seeded
        var token = token
        token.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize().withUnsafeBytes { Fingerprint($0) }
    }
}
