/// What a class of failure means for the attempts after it, the breaker, the key and the bill.
///
/// It says what would make sense. Whether it is done is for the call: never after the first byte, within the retry
/// budget and the deadline, and never a request that may have been billed without the caller's idempotency key.
package struct FailurePolicy: Sendable, Equatable {
    /// Where another attempt could end better.
    package struct Again: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The same deployment with the same key, after a wait.
        package static let sameTarget = Again(rawValue: 1)
        /// The same deployment with another key, at once.
        package static let otherKey = Again(rawValue: 2)
        /// Another target of the plan, at once.
        package static let otherTarget = Again(rawValue: 4)
    }

    /// What is done to the key that the attempt used.
    package enum KeyEffect: Sendable, Equatable {
        case none
        /// It is left alone for as long as told.
        case rest
        /// It is taken out, and the operator is told.
        case retire
    }

    /// What the upstream may charge for the attempt.
    package enum Billing: Sendable, Equatable {
        /// It refused the work or never began it.
        case no
        /// It may have worked, if it had the whole request.
        case ifSent
    }

    package var again: Again
    package var breaker: CircuitBreaker.Sample
    package var key: KeyEffect
    package var billing: Billing

    fileprivate init(_ again: Again, _ breaker: CircuitBreaker.Sample, _ key: KeyEffect, _ billing: Billing) {
        self.again = again
        self.breaker = breaker
        self.key = key
        self.billing = billing
    }
}

extension Failure.Kind {
    /// The table of the policies: again, breaker, key, bill.
    package var policy: FailurePolicy {
        switch self {
        case .timeout(let phase): phase.policy
        // A connection can break at any moment, also when the request is out and the answer is being made.
        case .unreachable: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        // Certificates do not heal within a call; an alert may come behind a request.
        case .tls: .init(.otherTarget, .failure, .none, .ifSent)
        // The key is at fault. The deployment answered, so it lives.
        case .auth: .init([.otherKey, .otherTarget], .alive, .retire, .no)
        // A purse fills slowly: nothing is gained by asking again soon.
        case .quota: .init([.otherKey, .otherTarget], .alive, .retire, .no)
        // Being too fast is no illness; a breaker would punish the other keys.
        case .rate: .init([.sameTarget, .otherKey, .otherTarget], .alive, .rest, .no)
        // The deployment itself is short of capacity; another key would meet the same queue.
        case .capacity: .init([.sameTarget, .otherTarget], .failure, .none, .no)
        // Another target may have the model, or room for the prompt.
        case .modelUnknown: .init(.otherTarget, .alive, .none, .no)
        case .contextLength: .init(.otherTarget, .alive, .none, .no)
        // What is wrong stays wrong. A caller must not spend everybody's attempts on it.
        case .input: .init([], .alive, .none, .no)
        // An error that the upstream itself reports is not charged.
        case .upstream: .init([.sameTarget, .otherTarget], .failure, .none, .no)
        // A page of a portal or of another version: the same again.
        case .protocol: .init(.otherTarget, .failure, .none, .ifSent)
        // The answer was being made.
        case .truncated: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        case .empty: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        // What policy denies is not to be had elsewhere either.
        case .denied: .init([], .alive, .none, .ifSent)
        // Nobody waits for the answer, and it says nothing about the upstream.
        case .cancelled: .init([], .unknown, .none, .ifSent)
        // A process that died may have acted before.
        case .crashed: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        case .failed: .init(.otherTarget, .failure, .none, .ifSent)
        // The same question has the same long answer.
        case .outputTooLarge: .init([], .unknown, .none, .ifSent)
        // No program or no process: elsewhere perhaps.
        case .spawn, .sandbox: .init(.otherTarget, .failure, .none, .no)
        // The queue has waited already; full slots are a sign of work, not of illness.
        case .busy: .init(.otherTarget, .unknown, .none, .no)
        }
    }
}

extension Failure.Phase {
    fileprivate var policy: FailurePolicy {
        switch self {
        // TCP can give up on a connection also behind a request, and says it in the same words.
        case .connect: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        // The caller has waited long: not twice for the same.
        case .firstByte, .idle: .init(.otherTarget, .failure, .none, .ifSent)
        // No time is left. A caller can choose this limit, and must not be able to open a breaker with it.
        case .total: .init([], .unknown, .none, .ifSent)
        // The upstream began and gave up; who pays is not known.
        case .own: .init([.sameTarget, .otherTarget], .failure, .none, .ifSent)
        }
    }
}

extension Failure {
    /// Whether the upstream may charge for the attempt.
    ///
    /// - Parameter sent: Whether the whole request was handed to the network.
    package func maybeBilled(sent: Bool) -> Bool {
        sent && (lostAnswer || kind.policy.billing == .ifSent)
    }

    /// A quota that says when it is there again rests the key; one that does not needs a person.
    package var keyEffect: FailurePolicy.KeyEffect {
        kind == .quota && retryAfter != nil ? .rest : kind.policy.key
    }
}
