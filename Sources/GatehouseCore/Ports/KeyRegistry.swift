/// Keys that are made while the gateway runs, whom they belong to, and who changed what. Each change is kept together with
/// its entry in the audit, or not at all.
package protocol KeyRegistry: AnyObject, Sendable {
    /// Grows with every change, whoever makes it.
    func revision() async throws(GatehouseError) -> Int

    /// The keys that have not been revoked, as they are at one revision.
    func table() async throws(GatehouseError) -> (keys: any KeyStore, revision: Int)

    /// Takes names for keys of the configuration; nobody else gets them from then on.
    ///
    /// - Returns: Those that belong to keys of the store.
    func claim(_ names: [String]) async throws(GatehouseError) -> [String]

    // MARK: Keys

    /// Makes a key; its token is told this once. `key.membership` names users, teams and organisations by id or name.
    ///
    /// - Throws: `invalid_value` for a name that is or was somebody's, and for a membership that is none.
    func create(_ key: VirtualKey, by author: Author) async throws(GatehouseError) -> (record: KeyRecord, token: Secret)

    func keys(_ query: KeyQuery) async throws(GatehouseError) -> [KeyRecord]

    /// By its id or its name; `nil` where there is none.
    func key(_ id: String) async throws(GatehouseError) -> KeyRecord?

    /// Changes a key that has not been revoked; `nil` where there is none.
    func change(
        _ id: String, by author: Author, _ edit: @escaping @Sendable (KeyRecord) throws(GatehouseError) -> VirtualKey
    ) async throws(GatehouseError) -> KeyRecord?

    /// Ends a key for good; once is as often as ever. `nil` where there is none.
    func revoke(_ id: String, by author: Author) async throws(GatehouseError) -> KeyRecord?

    // MARK: Users, teams, organisations

    func create(_ party: Party, by author: Author) async throws(GatehouseError) -> Party

    func parties(_ kind: Party.Kind) async throws(GatehouseError) -> [Party]

    /// By its id or its name; `nil` where there is none.
    func party(_ id: String, _ kind: Party.Kind) async throws(GatehouseError) -> Party?

    func change(
        _ id: String, _ kind: Party.Kind, by author: Author,
        _ edit: @escaping @Sendable (Party) throws(GatehouseError) -> Party
    ) async throws(GatehouseError) -> Party?

    /// Takes it away, and revokes the keys that belong to it. `nil` where there is none, else the keys that were revoked.
    func delete(_ id: String, _ kind: Party.Kind, by author: Author) async throws(GatehouseError) -> [KeyRecord]?

    // MARK: Audit

    /// The latest first, before entry `before`.
    func audit(before: Int?, atMost limit: Int) async throws(GatehouseError) -> [AuditEntry]
}

/// Which keys are asked for.
package struct KeyQuery: Sendable {
    /// The id of a user, a team or an organisation.
    package var member: String?
    package var tag: String?
    package var prefix: String?
    /// Those that were revoked as well.
    package var includesRevoked = false
    /// Names behind this one.
    package var after = ""
    package var limit = 1000

    package init() {}
}
