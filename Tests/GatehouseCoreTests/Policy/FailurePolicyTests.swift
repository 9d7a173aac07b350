import GatehouseCore
import Testing

@Suite struct FailurePolicyTests {
    static let kinds: [Failure.Kind] =
        Failure.Phase.allCases.map { .timeout($0) } + [
            .unreachable, .tls, .auth, .quota, .rate, .capacity, .modelUnknown, .contextLength, .input, .upstream,
            .protocol, .truncated, .denied, .empty, .cancelled, .crashed, .failed, .outputTooLarge, .spawn, .sandbox,
            .busy,
        ]

    @Test func whatIsWrongIsNeverTriedAgain() {
        for kind in [.input, .denied, .cancelled, .outputTooLarge, .timeout(.total)] as [Failure.Kind] {
            #expect(kind.policy.again.isEmpty, "\(kind)")
        }
        #expect(Failure.Kind.contextLength.policy.again == .otherTarget)
        #expect(Failure.Kind.modelUnknown.policy.again == .otherTarget)
    }

    @Test func onlyAKeysOwnFailuresTouchTheKey() {
        for kind in Self.kinds {
            let policy = kind.policy
            #expect((policy.key != .none) == policy.again.contains(.otherKey), "\(kind)")
            if policy.key != .none {
                #expect(policy.breaker == .alive && policy.billing == .no, "\(kind)")
            }
        }
        #expect(Failure(.auth).keyEffect == .retire)
        #expect(Failure(.rate).keyEffect == .rest)
        #expect(Failure(.quota).keyEffect == .retire)
        #expect(Failure(.quota, retryAfter: 60).keyEffect == .rest)
        #expect(Failure(.auth, retryAfter: 60).keyEffect == .retire)
    }

    @Test func aCallerCannotOpenABreaker() {
        for kind in [.input, .contextLength, .modelUnknown, .cancelled, .timeout(.total), .outputTooLarge, .denied]
            as [Failure.Kind]
        {
            #expect(kind.policy.breaker != .failure, "\(kind)")
        }
    }

    @Test(
        arguments: [
            .timeout(.firstByte), .timeout(.idle), .timeout(.total), .timeout(.own), .truncated, .protocol, .empty,
            .unreachable, .crashed,
        ] as [Failure.Kind])
    func silenceMayHaveBeenBilled(kind: Failure.Kind) {
        #expect(Failure(kind).maybeBilled(sent: true))
        #expect(!Failure(kind).maybeBilled(sent: false))
    }

    @Test(
        arguments: [.upstream, .rate, .quota, .auth, .capacity, .input, .modelUnknown, .busy, .spawn, .sandbox]
            as [Failure.Kind])
    func aRefusalIsNotBilled(kind: Failure.Kind) {
        #expect(!Failure(kind).maybeBilled(sent: true))
    }
}
