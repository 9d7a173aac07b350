import GatehouseCore

/// The keys of the store that have not been revoked, as they were at one moment.
final class StoredKeyTable: KeyStore {
    private let pepper: KeyPepper
    private let holders: [Fingerprint: Principal]
    private let ids: Set<String>

    init(_ keys: [(digest: [UInt8], key: VirtualKey)], _ pepper: KeyPepper) {
        self.pepper = pepper
        var holders: [Fingerprint: Principal] = [:]
        for (digest, key) in keys { holders[digest.withUnsafeBytes { Fingerprint($0) }] = Principal(key: key) }
        self.holders = holders
        ids = Set(keys.compactMap(\.key.id))
    }

    func principal(forToken token: Substring) -> Principal? {
        guard !token.isEmpty, !holders.isEmpty else { return nil }
        return holders[pepper.fingerprint(token)]
    }

    func holds(_ principal: Principal) -> Bool { principal.key.id.map(ids.contains) ?? false }
}
