/// Who makes a call, once it is known. As small as a reference: it goes with every call.
package struct Principal: Sendable, Equatable {
    private final class Held: Sendable {
        let key: VirtualKey
        let isConfined: Bool

        init(_ key: VirtualKey) {
            self.key = key
            isConfined = key.role == .viewer || key.expires != nil || !key.routes.isEmpty || !key.addresses.isEmpty
        }
    }

    private let held: Held

    package init(key: VirtualKey) {
        held = Held(key)
    }

    package var key: VirtualKey { held.key }
    /// For logs, metrics and bills.
    package var name: String { held.key.name }
    /// The key's own; looked at for every call, without the rest of the key.
    package var rateLimit: RateLimits? { held.key.rateLimit }
    package var membership: Membership { held.key.membership }
    package var isAdmin: Bool { held.key.role == .admin }
    package var mayAdminister: Bool { held.key.role == .admin || held.key.role == .operator }
    /// Whether it sees what belongs to the gateway as a whole.
    package var seesAll: Bool { held.key.role != .member }
    /// Whether more must be known of a request than its model before it is taken; see `admit`.
    package var isConfined: Bool { held.isConfined }
    /// Whether the key may end while a call of it runs.
    package var mayEnd: Bool { held.key.id != nil || held.key.expires != nil }

    /// Whether `model`, as the caller named it, may be used.
    package func mayUse(model: some StringProtocol) -> Bool {
        held.key.models.contains { $0.matches(model) }
    }

    package func isExpired(at now: Int) -> Bool { held.key.expires.map { $0 <= now } ?? false }

    /// Where and what for a key is shown.
    package struct Use {
        package var path: Substring
        /// Nothing is changed or made by it.
        package var isReading: Bool
        /// `nil` where it cannot be told; then no range holds it.
        package var address: IPAddress?
        /// Seconds since 1970.
        package var now: Int

        package init(path: Substring, isReading: Bool, address: IPAddress?, now: Int) {
            self.path = path
            self.isReading = isReading
            self.address = address
            self.now = now
        }
    }

    /// Checks what confines the key.
    ///
    /// - Throws: `invalid_api_key` for one that has expired, as for one that never was; else `permission_denied`.
    package func admit(_ use: Use) throws(GatehouseError) {
        guard isConfined else { return }
        let key = held.key
        guard !isExpired(at: use.now) else { throw .unknownKey }
        guard
            key.addresses.isEmpty || use.address.map({ place in key.addresses.contains { $0.contains(place) } }) == true
        else {
            throw GatehouseError(.permissionDenied, "This key may not be used from this address.")
        }
        guard key.routes.isEmpty || key.routes.contains(where: { $0.matches(use.path) }) else {
            throw GatehouseError(.permissionDenied, "This key may not be used for this route.")
        }
        guard use.isReading || key.role != .viewer else {
            throw GatehouseError(.permissionDenied, "This key may look, and neither change anything nor call models.")
        }
    }

    package static func == (left: Principal, right: Principal) -> Bool {
        left.held === right.held || left.held.key == right.held.key
    }
}

extension GatehouseError {
    /// The same for a key that is missing, wrong, revoked or expired.
    package static let unknownKey = GatehouseError(
        .invalidAPIKey, "The API key is missing or wrong. Send it as Authorization: Bearer KEY.")
    /// How the calls of a key end that is revoked or expires while they run.
    package static let keyEnded = GatehouseError(
        .keyRevoked, "The API key of this call was revoked or has expired. What came before is incomplete.")
}
