/// Everything an operator can set, with the defaults of a gateway that was told nothing.
///
/// A value of this type has been read and checked as a whole: whoever holds one need not check it again.
/// `docs/configuration.md` lists every key; a test keeps that page and this tree in step.
package struct GatehouseConfiguration: Sendable, Equatable {
    package var server = ServerConfiguration()
    package var storage = StorageConfiguration()
    package var shared = SharedConfiguration()
    package var files = FilesConfiguration()
    package var cache = CacheConfiguration()
    package var responses = ResponsesConfiguration()
    package var sessions = SessionsConfiguration()
    package var runs = RunsConfiguration()
    package var idempotency = IdempotencyConfiguration()
    package var artifacts = ArtifactsConfiguration()
    package var logging = LoggingConfiguration()
    package var telemetry = TelemetryConfiguration()
    package var providers: [ProviderConfiguration] = []
    package var agents: [AgentConfiguration] = []
    package var models: [ModelAliasConfiguration] = []
    package var keys: [KeyConfiguration] = []
    package var limits: [LimitConfiguration] = []
    package var ledger = LedgerConfiguration()
    package var prices: [PriceConfiguration] = []
    package var budgets: [BudgetConfiguration] = []

    package init() {}
}
