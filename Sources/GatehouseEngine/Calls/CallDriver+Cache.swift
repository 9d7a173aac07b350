import GatehouseCore
import NIOCore

/// Answers from the cache. It is asked after everything that could refuse the call.
extension CallDriver {
    /// A call whose answer is kept where it is good.
    struct Caching {
        let key: CacheKey
        let recorder: AnswerRecorder
    }

    /// Goes on unless an answer is there, or on its way.
    func lookUp(
        _ cache: ResponseCache, _ head: CallHead, _ plan: RoutePlan, _ goOn: @escaping () throws(GatehouseError) -> Void
    ) throws(GatehouseError) {
        let wish = request.cacheWish
        guard wish != .noStore, let key = cacheKey(cache, head, plan) else {
            if wish == .onlyIfCached { throw .notCached }
            return try bypass(cache, goOn)
        }
        if wish == .onlyIfCached {
            guard let answer = cache.find(key, now: now) else {
                mark(.miss, cache)
                throw .notCached
            }
            return hit(answer, cache)
        }
        switch cache.look(key, isFresh: wish == .refresh, now: now, on: eventLoop) {
        case .hit(let answer): hit(answer, cache)
        case .full: try bypass(cache, goOn)
        case .lead:
            mark(.miss, cache)
            lead(key, cache)
            try goOn()
        case .wait(let answer):
            answer.assumeIsolated().whenSuccess { answer in
                guard !self.isSettled else { return }
                if let answer { return self.hit(answer, cache) }
                // What went wrong there need not go wrong here.
                self.mark(.miss, cache)
                do throws(GatehouseError) {
                    try goOn()
                } catch {
                    self.refuse(error)
                }
            }
        }
    }

    private func bypass(
        _ cache: ResponseCache, _ goOn: () throws(GatehouseError) -> Void
    ) throws(GatehouseError) {
        mark(.bypass, cache)
        try goOn()
    }

    private func mark(_ outcome: CacheOutcome, _ cache: ResponseCache) {
        record.cache = outcome
        cache.note(outcome)
    }

    /// It costs nothing, and is still nothing for a key whose budget is spent.
    private func hit(_ answer: KeptAnswer, _ cache: ResponseCache) {
        let rules = request.snapshot.budgets.filter { $0.covers(request.principal.key) }
        guard let budgets = memory.accounting?.budgets, !rules.isEmpty else { return give(hit: answer, cache) }
        budgets.reserve(Money(units: 1), of: rules, on: eventLoop) { result in
            if case .success(let hold) = result { budgets.settle(hold, actual: .zero) }
            guard !self.isSettled else { return }
            switch result {
            case .success: self.give(hit: answer, cache)
            case .failure(let error): self.refuse(error)
            }
        }
    }

    private func give(hit answer: KeptAnswer, _ cache: ResponseCache) {
        mark(.hit, cache)
        give(answer) { $0.attempts = 0 }
    }

    /// Gives an answer that was made for another request.
    func give(_ answer: KeptAnswer, _ change: (inout CallResponseHead) -> Void) {
        record.status = answer.head.status
        record.provider = answer.head.provider ?? ""
        record.upstreamModel = answer.head.model ?? ""
        record.bytesOut = answer.body.readableBytes
        record.isStream = answer.isStream
        answer.give(to: downstream) { head in
            head.requestID = request.id
            head.limits = request.limits
            head.cache = record.cache
            change(&head)
        }
        settle()
    }

    private func lead(_ key: CacheKey, _ cache: ResponseCache) {
        let recorder = AnswerRecorder(
            for: downstream, maximumSize: max(cache.settings.entry, named?.desk.store.maximumSize ?? 0))
        downstream = recorder
        caching = Caching(key: key, recorder: recorder)
    }

    /// `nil` for what no other request may get the answer of.
    private func cacheKey(_ cache: ResponseCache, _ head: CallHead, _ plan: RoutePlan) -> CacheKey? {
        // What an agent does is not done again by telling of it.
        guard request.contentType == nil, !head.isBackground, head.continued == nil, head.previousResponse == nil,
            !head.namesFiles, !request.continuesSession,
            !plan.places.contains(where: { $0.route.entry.kind == .agent }),
            let body = try? JSONValue(parsing: request.body.readableBytesView),
            body.isCacheable(tools: cache.settings.tools),
            // A Response is kept unless its caller says otherwise.
            request.operation != .responses || body["store"]?.bool == false
        else { return nil }
        var context = [request.operation.rawValue, plan.cacheName, request.session ?? ""]
        if let target = request.target {
            context += ["path", target.model, "\(target.stream)", "\(target.asArray)"]
        }
        context += request.betas.map { "beta:" + $0 }
        context += request.headers.map { "header:\($0.name):\($0.value)" }
        return CacheKey(tenant: request.principal.name, context: context, body: body)
    }

    /// The last word to those who wait for this answer.
    func endCaching() {
        guard let caching, let cache = memory.cache else { return }
        self.caching = nil
        let recorder = caching.recorder
        var answer: KeptAnswer?
        if case .completed = record.outcome, record.status == 200, recorder.isWhole, !recorder.isTooLong {
            answer = recorder.answer
        }
        cache.end(caching.key, answer, now: now)
    }
}

extension RoutePlan {
    /// All targets and how one of them is chosen.
    var cacheName: String {
        places.map { "\($0.route.entry.name)/\($0.route.model)" }.joined(separator: "\n") + "\n\(choices)"
    }
}

extension GatehouseError {
    static let notCached = GatehouseError(
        .notCached, "There is no kept answer for this request, and X-Gatehouse-Cache asks for nothing else.",
        param: "x-gatehouse-cache")
}
