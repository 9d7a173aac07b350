package import GatehouseCore

/// One provider or agent that calls can be sent to, under the name the configuration gave it.
package struct UpstreamEntry: Sendable {
    /// The first half of `provider/model`.
    package let name: String
    package let upstream: any Upstream
    package let kind: GatehouseError.UpstreamKind
    /// The provider's kind, for what encoders must know of it.
    package var providerKind = ""
    package let habits: WireHabits
    /// Whether the bare name, without a model, is a model name: the target then takes its own default.
    package let hasDefaultModel: Bool
    /// The models it is known to have, without the provider's name; for the list that clients ask for.
    package let models: [String]
    /// Who can be asked for more of them.
    package var source: (any ModelSource)?
    /// The parameters that it follows, where it is no provider (see `PlainTarget`).
    package var understood: Set<String> = []
    /// The names of its keys, in the order of the configuration.
    package var keys: [String] = []
    /// An agent's logins.
    package var accounts: [AccountPool.Member] = []
    /// How many calls may wait for one of them, and how long.
    package var accountQueue = AccountQueue.Settings()
    /// Its model when a caller names only the agent; empty for the agent's own.
    package var defaultModel = ""
    /// Models of it that are tried when it has no capacity for the one that was asked for, or does not know it.
    package var fallbackModels: [String] = []
    /// How many calls it gets at a time, for each of its models.
    package var limits = Deployment.Limits()
    /// What becomes of an attempt whose caller has left.
    package var onDisconnect = ProviderConfiguration.OnDisconnect.cancel
    /// Whether only the models above exist.
    package let isClosed: Bool
    /// What must hold of a request before it is started; throws what the caller is told.
    package let validate: @Sendable (CanonicalRequest) throws(GatehouseError) -> Void

    package init(
        name: String, upstream: any Upstream, kind: GatehouseError.UpstreamKind,
        habits: WireHabits = WireHabits(), hasDefaultModel: Bool = false,
        models: [String] = [], isClosed: Bool = false,
        validate: @escaping @Sendable (CanonicalRequest) throws(GatehouseError) -> Void = { _ throws(GatehouseError) in
        }
    ) {
        self.name = name
        self.upstream = upstream
        self.kind = kind
        self.habits = habits
        self.hasDefaultModel = hasDefaultModel
        self.models = models
        self.isClosed = isClosed
        self.validate = validate
    }
}

/// What is particular about a target's form of its dialect.
package struct WireHabits: Sendable {
    /// How a stream says that it is whole.
    package var terminator: OpenAIByteStream.Terminator
    package var requests: RequestHabits

    package init(terminator: OpenAIByteStream.Terminator = .done, requests: RequestHabits = .usual) {
        self.terminator = terminator
        self.requests = requests
    }
}

/// Where a call goes: an upstream and the model's name there. A class, as it is handed from hand to hand for each call and
/// never changes: all that an entry holds would be copied along.
package final class Route: Sendable {
    package let entry: UpstreamEntry
    /// Empty for the target's default.
    package let model: String

    package init(entry: UpstreamEntry, model: String) {
        self.entry = entry
        self.model = model
    }
}
