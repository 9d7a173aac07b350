/// What somebody may give to a key: never more than it has.
package enum Grant {
    /// - Parameter former: The key as it is, where there is one already.
    /// - Throws: `field_not_allowed`, which names the field; `permission_denied` for a key that is not its business.
    package static func check(
        _ key: VirtualKey, instead former: VirtualKey? = nil, by author: Author
    ) throws(GatehouseError) {
        guard let own = author.principal?.key, own.role != .admin else { return }
        guard own.role == .operator else {
            throw GatehouseError(.permissionDenied, "Only administrators and operators may change keys.")
        }
        guard former?.role != .admin else {
            throw GatehouseError(.permissionDenied, "Only an administrator may change an administrator's key.")
        }
        guard key.role != .admin else { throw beyond("role", "Only an administrator may make one.") }
        try checkPatterns(key.models, own.models, "models")
        if !own.routes.isEmpty {
            let isWide = key.routes.isEmpty
            try checkPatterns(isWide ? [RoutePattern("*")] : key.routes, own.routes, "routes")
        }
        if !own.addresses.isEmpty {
            let isInside = key.addresses.allSatisfy { range in own.addresses.contains { $0.covers(range) } }
            guard isInside, !key.addresses.isEmpty else {
                throw beyond("addresses", "They must be some of those of your own key.")
            }
        }
        if let end = own.expires {
            guard let own = key.expires, own <= end else {
                throw beyond("expires_at", "It must not be later than that of your own key.")
            }
        }
    }

    private static func checkPatterns(
        _ patterns: [ModelPattern], _ own: [ModelPattern], _ field: String
    ) throws(GatehouseError) {
        for pattern in patterns where !own.contains(where: { $0.covers(pattern) }) {
            throw beyond(field, "\"\(pattern.text)\" is more than your own key may use.")
        }
    }

    private static func beyond(_ field: String, _ reason: String) -> GatehouseError {
        GatehouseError(.fieldNotAllowed, "This key may not set \(field) so. \(reason)", param: field)
    }
}
