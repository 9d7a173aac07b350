/// Who makes a call, once it is known.
package struct Principal: Sendable, Equatable {
    package let key: VirtualKey

    package init(key: VirtualKey) {
        self.key = key
    }

    /// For logs, metrics and bills.
    package var name: String { key.name }
    package var isAdmin: Bool { key.role == .admin }

    /// Whether `model`, as the caller named it, may be used.
    package func mayUse(model: some StringProtocol) -> Bool {
        key.models.contains { $0.matches(model) }
    }
}
