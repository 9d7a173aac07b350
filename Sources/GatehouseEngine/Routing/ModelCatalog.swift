import GatehouseCore

/// The models that clients are told of: those of the configuration, and those that providers list themselves.
///
/// A provider is asked when somebody wants the list, and again when its answer is older than `lifetime`. One that cannot be
/// asked is left alone for a while; what it said last stands until it says something else.
package actor ModelCatalog {
    private struct Answer {
        var names: [String]
        var until: ContinuousClock.Instant
    }

    private static let lifetime = Duration.seconds(300)
    private static let rest = Duration.seconds(30)
    /// Of one provider; some list thousands.
    private static let maximumNames = 2000

    private var answers: [ObjectIdentifier: Answer] = [:]
    /// Who waits for an answer to a question that somebody else asked.
    private var waiting: [ObjectIdentifier: [CheckedContinuation<Void, Never>]] = [:]

    private let now: @Sendable () -> ContinuousClock.Instant

    package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// All names of a snapshot: aliases, configured models, listed ones, each once and in that order.
    package func names(_ snapshot: RoutingSnapshot) async -> [String] {
        let listed = await listed(snapshot)
        var seen = Set<String>()
        return (snapshot.modelNames + listed).filter { seen.insert($0).inserted }
    }

    private func listed(_ snapshot: RoutingSnapshot) async -> [String] {
        let entries = snapshot.upstreams.filter { $0.source != nil }.sorted { $0.name < $1.name }
        let now = now()
        let known = Set(entries.compactMap { $0.source.map(ObjectIdentifier.init) })
        answers = answers.filter { known.contains($0.key) }
        let stale = entries.compactMap(\.source).filter { source in
            answers[ObjectIdentifier(source)].map { $0.until <= now } ?? true
        }
        let others = stale.map { ObjectIdentifier($0) }.filter { waiting[$0] != nil }
        await ask(stale.filter { waiting[ObjectIdentifier($0)] == nil }, now)
        for id in others { await answer(of: id) }
        return entries.flatMap { entry in
            let names = entry.source.flatMap { answers[ObjectIdentifier($0)]?.names } ?? []
            return names.map { "\(entry.name)/\($0)" }
        }
    }

    private func ask(_ sources: [any ModelSource], _ now: ContinuousClock.Instant) async {
        for source in sources { waiting[ObjectIdentifier(source)] = [] }
        await withTaskGroup(of: (ObjectIdentifier, [String]?).self) { tasks in
            for source in sources { tasks.addTask { (ObjectIdentifier(source), try? await source.models()) } }
            for await (id, names) in tasks {
                answers[id] = Answer(
                    names: Array((names ?? answers[id]?.names ?? []).prefix(Self.maximumNames)),
                    until: now + (names == nil ? Self.rest : Self.lifetime))
                for waiter in waiting.removeValue(forKey: id) ?? [] { waiter.resume() }
            }
        }
    }

    /// Waits until somebody else's question is answered; not at all when it has been.
    private func answer(of id: ObjectIdentifier) async {
        guard waiting[id] != nil else { return }
        await withCheckedContinuation { waiting[id]?.append($0) }
    }
}
