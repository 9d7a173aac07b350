package import GatehouseCore

/// What this gateway shows a provider of itself.
package struct ProviderAccess: Sendable {
    /// How one key proves who asks.
    package struct Credential: Sendable {
        /// Joins the request at the provider's door and nowhere else; `nil` or empty for none.
        package var key: Secret?
        /// Authorises each request by its own means, beside or instead of the key.
        package var authorizer: (any RequestAuthorizer)?

        package init(key: Secret?, authorizer: (any RequestAuthorizer)? = nil) {
            self.key = key
            self.authorizer = authorizer
        }
    }

    /// One for each key, in the order of the configuration.
    package var credentials: [Credential]
    /// Headers of the operator's own choice; they replace ours of the same name.
    package var headers: [(name: String, value: Secret)]
    /// How this gateway names itself.
    package var userAgent: String

    package init(
        credentials: [Credential], headers: [(name: String, value: Secret)] = [], userAgent: String
    ) {
        self.credentials = credentials
        self.headers = headers
        self.userAgent = userAgent
    }
}
