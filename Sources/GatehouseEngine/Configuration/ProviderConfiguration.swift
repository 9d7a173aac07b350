package import GatehouseCore

/// One provider of models that is reached over HTTP. An item of `providers`.
package struct ProviderConfiguration: Sendable, Equatable {
    /// The first half of the model name `provider/model`.
    package var name: String
    /// A row of the provider table.
    package var kind: String
    /// Scheme, host, port and path in front of every request; `nil` takes that of the kind.
    package var baseURL: String?
    /// The cloud's region, for kinds that live in one (`bedrock`, `vertex`).
    package var region: String?
    /// The cloud's project (`vertex`).
    package var project: String?
    /// A file with the cloud's credentials: a service account (`vertex`), or shared credentials (`bedrock`).
    package var credentialsFile: String?
    /// `bedrock`: the instance's metadata service may be asked for credentials, behind all other places. Off unless the
    /// operator says so: every program on the host can ask it.
    package var instanceCredentials = false
    /// `azure-openai`: the dated API of deployments; without it, the v1 API.
    package var apiVersion: String?
    /// The formats its server speaks, where they are not those of the kind: a call in one of them goes through as it is,
    /// any other is translated into the first.
    package var dialects: [Dialect] = []
    package var keys: [Key] = []
    package var timeouts = Timeouts()
    package var limits = Limits()
    package var onDisconnect: OnDisconnect = .cancel
    /// What `/v1/models` tells of this provider; every other model name works as well.
    package var models: [String] = []
    /// Sent with every request, after the headers of the kind. The values may be credentials.
    package var headers: [Header] = []
    /// Lets `baseURL` be plain HTTP to another machine: keys and prompts are then readable on the way.
    package var allowPlaintext = false

    package init(name: String, kind: String) {
        self.name = name
        self.kind = kind
    }

    /// A credential of a provider. An item of `providers[].keys`.
    package struct Key: Sendable, Equatable {
        /// For logs and metrics.
        package var name: String
        package var value: Secret

        package init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// A header of our own choice. An entry of `providers[].headers`.
    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: Secret

        package init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// How long one attempt may take. Keys below `providers[].timeouts`.
    package struct Timeouts: Sendable, Equatable {
        /// Until the connection stands, TLS included.
        package var connect: Duration = .seconds(5)
        /// From the request's last byte to the answer's first.
        package var firstByte: Duration = .seconds(60)
        /// Silence inside an answer.
        package var idle: Duration = .seconds(120)
        /// The whole attempt.
        package var total: Duration = .seconds(30 * 60)

        package init() {}
    }

    /// How many calls each model of it gets at a time. Keys below `providers[].limits`.
    package struct Limits: Sendable, Equatable {
        /// Never more than so many; below, the number that is served well is found out.
        package var concurrency = 4096
        /// Calls that may wait for their turn.
        package var queue = 256
        /// How long one may wait.
        package var wait: Duration = .seconds(1)

        package init() {}
    }

    /// What becomes of an attempt whose client has left.
    package enum OnDisconnect: String, Sendable, CaseIterable {
        /// It ends at once.
        case cancel
        /// It is read to its end, so that the bill is known.
        case drain
    }
}

extension ProviderConfiguration {
    package static let defaultKeyName = "main"
}
