import GatehouseCore

/// Keeps what agents leave in the folder they work in.
struct ArtifactKeeper: Sendable {
    let configuration: AgentRunnerConfiguration
    let directory: RunDirectory

    /// What is there before an agent begins; `nil` when nothing of it is kept.
    func snapshot(for place: ArtifactPlace?) async -> FolderSnapshot? {
        guard let store = configuration.artifacts, place != nil else { return nil }
        return await offload { store.snapshot(of: directory.work) }
    }

    /// Keeps what it has made. It is over, and the caller has not been told yet: who asks behind the answer finds it.
    func collect(since before: FolderSnapshot?, for place: ArtifactPlace?, agent: String) async -> [CanonicalEvent] {
        guard let store = configuration.artifacts, let place, let before else { return [] }
        let harvest = await offload { store.collect(directory.work, since: before, for: place) }
        if harvest.refused > 0 { configuration.onEvent(.artifactsRefused(agent: agent, count: harvest.refused)) }
        return harvest.kept.map { .file($0, session: place.session) }
    }
}
