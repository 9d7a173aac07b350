package import GatehouseCore
package import NIOCore
import Synchronization

/// One run of an agent outside of a gateway, exactly as a gateway would run it.
package struct AgentTrial: Sendable {
    /// All events, pieces of text put together; at most `eventLimit`.
    package var events: [CanonicalEvent] = []
    package var result: Result<Finish, Failure>

    private static let eventLimit = 10_000
    /// Bytes of one piece of text, about.
    private static let textLimit = 16 << 20

    package var text: String {
        events.reduce(into: "") { text, event in
            if case .textDelta(let piece) = event { text += piece }
        }
    }

    /// Runs it to its end. Cancelling the task ends the agent.
    package static func ask(
        _ prompt: String, of settings: AgentSettings, _ configuration: AgentRunnerConfiguration,
        on eventLoop: any EventLoop
    ) async -> AgentTrial {
        let runner = AgentRunner(configuration)
        let (inbox, told) = AsyncStream<Told>.makeStream()
        return await withTaskGroup(of: Failure?.self) { group in
            group.addTask {
                do throws(Failure) {
                    try await runner.run()
                    return nil
                } catch {
                    return error
                }
            }
            let upstream = AgentUpstream(settings: settings, runner: runner)
            let handle = try? await eventLoop.submit {
                NIOLoopBound(
                    upstream.start(Self.request(prompt, settings), on: eventLoop, reply: Listener(told)),
                    eventLoop: eventLoop)
            }.get()
            var trial = AgentTrial(result: .failure(Failure(.cancelled)))
            for await word in inbox { trial.take(word) }
            if Task.isCancelled { eventLoop.execute { handle?.value.cancel() } }
            runner.shutDown()
            // Why nothing can be run says more than that this run was not.
            for await failure in group {
                if let failure { trial.result = .failure(failure) }
            }
            return trial
        }
    }

    private static func request(_ prompt: String, _ settings: AgentSettings) -> UpstreamRequest {
        let message = Message(role: .user, parts: [.text(prompt)])
        return UpstreamRequest(
            id: "trial", lane: .events, model: settings.model, stream: true,
            payload: .canonical(CanonicalRequest(model: settings.model, messages: [message])))
    }

    private mutating func take(_ word: Told) {
        switch word {
        case .event(.finished(let finish)): result = .success(finish)
        case .failed(let failure): result = .failure(failure)
        case .event(.textDelta(let piece)):
            if case .textDelta(var text)? = events.last {
                guard text.utf8.count < Self.textLimit else { return }
                // Taken out first, so that it grows in its place.
                events.removeLast()
                text += piece
                events.append(.textDelta(text))
            } else if events.count < Self.eventLimit {
                events.append(.textDelta(piece))
            }
        case .event(let event): if events.count < Self.eventLimit { events.append(event) }
        }
    }

    private enum Told: Sendable {
        case event(CanonicalEvent)
        case failed(Failure)
    }

    private final class Listener: UpstreamReply {
        private let told: AsyncStream<Told>.Continuation

        init(_ told: AsyncStream<Told>.Continuation) {
            self.told = told
        }

        func received(head: UpstreamHead) {}
        func received(bytes: ByteBuffer) {}
        func received(event: CanonicalEvent) { told.yield(.event(event)) }
        func receivedBatchEnd() {}
        func receivedEnd() { told.finish() }
        func failed(_ failure: Failure) {
            told.yield(.failed(failure))
            told.finish()
        }
    }
}
