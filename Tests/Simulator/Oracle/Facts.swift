import GatehouseCore
import GatehouseEngine
import NIOCore

/// What is known of a call from outside.
final class CallFacts {
    let plan: ClientPlan
    /// The process of the gateway that it came to.
    let instance: Int
    let arrived: Instant
    /// Numbers of its attempts, in the order in which they began.
    var attempts: [Int] = []
    /// When the client got the first of its answer: a whole response, or a part of a stream that is more than a
    /// heartbeat.
    var committed: Instant?
    var isStreaming = false
    /// Of the response or the stream.
    var status = 0
    var ended: Instant?
    var isSevered = false
    var left: Instant?
    var aborted: Instant?
    var settled: Instant?
    var isLost = false
    /// All that the client got.
    var received = ByteBuffer()
    var isFull = false

    init(_ plan: ClientPlan, instance: Int, arrived: Instant) {
        self.plan = plan
        self.instance = instance
        self.arrived = arrived
    }

    var isOver: Bool { settled != nil || isLost }
    /// The client waits for something.
    var isWaiting: Bool { ended == nil && left == nil && !isLost }
}

/// What is known of an attempt from outside.
final class AttemptFacts {
    enum Ending {
        case running, end, failed, cancelled, finished, lost
    }

    let number: Int
    let call: Int
    let upstream: Int
    let key: Int
    let began: Instant
    let answer: Answer
    /// Bytes and events of the answer that the gateway was given.
    var bytes = 0
    var events = 0
    var ending = Ending.running
    var ended: Instant?
    var isReading = true

    init(_ number: Int, call: Int, upstream: Int, key: Int, began: Instant, answer: Answer) {
        self.number = number
        self.call = call
        self.upstream = upstream
        self.key = key
        self.began = began
        self.answer = answer
    }

    var isRunning: Bool { ending == .running }

    /// Whether the upstream may ask money for it, by what the upstream itself knows.
    var mayBeBilled: Bool {
        switch ending {
        case .running, .finished, .end: answer.fate.mayBeBilled
        // Whoever gives up before the upstream has spoken cannot know that it would have refused.
        case .cancelled, .lost: answer.isTold(bytes: bytes) ? answer.fate.mayBeBilled : answer.fate.isSent
        case .failed: answer.fate.mayBeBilled
        }
    }

    /// Whether the gateway was given the upstream's own end of the answer.
    var isWhole: Bool { answer.isWhole(bytes: bytes, events: events, hasEnded: ending == .end) }
}

/// What is known of one process of the gateway.
struct InstanceFacts {
    let started: Instant
    var first = 0
    var further = 0
    var ended: Instant?
}

/// All that could be seen so far.
final class Facts {
    var calls: [CallFacts] = []
    var attempts: [AttemptFacts] = []
    var instances: [InstanceFacts] = []
    /// Calls that are not over.
    var live = 0
    /// Timers of the gateway that wait.
    var timers = 0
    /// Further attempts that the gateway says it could make.
    var tries: Int?
    /// Of the record, or the head, that the event at hand is about.
    var record: CallRecord?
    var head: CallResponseHead?
    /// When the last of the open breakers may admit a probe.
    var openUntil: Instant?
    /// Calls that count as being at, or waiting for, a deployment; answers that are read on.
    var inside = 0
    var drains = 0
    /// Attempts that each upstream must get when all are examined.
    var expected: [Int] = []
    let plan: WorldPlan

    init(_ plan: WorldPlan) {
        self.plan = plan
    }

    func take(_ event: Event) {
        switch event.kind {
        case .began: begin(event)
        case .head, .event, .bytes, .end, .failed, .cancelled, .finished, .paused, .resumed: takeAttempt(event)
        case .responded:
            calls[event.call].status = event.value
            calls[event.call].committed = calls[event.call].committed ?? event.time
            calls[event.call].ended = event.time
        case .streamBegan:
            calls[event.call].status = event.value
            calls[event.call].isStreaming = true
        case .wrote: calls[event.call].committed = calls[event.call].committed ?? event.time
        case .streamEnded: calls[event.call].ended = event.time
        case .severed:
            calls[event.call].ended = event.time
            calls[event.call].isSevered = true
        case .full: calls[event.call].isFull = true
        case .drained: calls[event.call].isFull = false
        case .left: calls[event.call].left = event.time
        case .aborted: calls[event.call].aborted = event.time
        case .settled:
            if calls[event.call].settled == nil { live -= 1 }
            calls[event.call].settled = event.time
        case .arrived: live += 1
        case .crashed: crash(event)
        case .started: instances.append(InstanceFacts(started: event.time))
        case .beat, .leftKnown, .abortKnown, .settledKnown, .idle, .reloaded, .healed, .circling, .examined, .counted,
            .over:
            break
        }
    }

    private func begin(_ event: Event) {
        let instance = calls[event.call].instance
        if calls[event.call].attempts.isEmpty {
            instances[instance].first += 1
        } else {
            instances[instance].further += 1
        }
        calls[event.call].attempts.append(event.attempt)
    }

    private func takeAttempt(_ event: Event) {
        let attempt = event.attempt
        switch event.kind {
        case .bytes: attempts[attempt].bytes += event.value
        case .event: attempts[attempt].events += 1
        case .end: end(attempt, .end, event.time)
        case .failed: end(attempt, .failed, event.time)
        case .cancelled: end(attempt, .cancelled, event.time)
        case .finished: end(attempt, .finished, event.time)
        case .paused: attempts[attempt].isReading = false
        case .resumed: attempts[attempt].isReading = true
        default: break
        }
    }

    private func end(_ attempt: Int, _ ending: AttemptFacts.Ending, _ time: Instant) {
        guard attempts[attempt].isRunning else { return }
        attempts[attempt].ending = ending
        attempts[attempt].ended = time
    }

    /// What the process had begun is lost with it.
    private func crash(_ event: Event) {
        for call in calls.indices where calls[call].instance == event.value && !calls[call].isOver {
            calls[call].isLost = true
            live -= 1
            for attempt in calls[call].attempts { end(attempt, .lost, event.time) }
        }
        instances[event.value].ended = event.time
    }
}
