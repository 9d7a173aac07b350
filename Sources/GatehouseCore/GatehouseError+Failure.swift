extension GatehouseError {
    /// What kind of upstream failed; the codes differ.
    package enum UpstreamKind: Sendable {
        case provider, agent
    }

    /// The error a caller sees for a failed attempt. The failure's `detail` stays here.
    package init(_ failure: Failure, of upstream: UpstreamKind) {
        let (code, message) =
            switch upstream {
            case .provider: Self.provider(failure.kind)
            case .agent: Self.agent(failure.kind)
            }
        self.init(code, message, retryAfter: failure.retryAfter)
        if let hint = failure.hint { self.message += " (\(hint))" }
        if retryAfter == nil, code.status == 429 || code.status == 503 { retryAfter = 1 }
    }

    private static func provider(_ kind: Failure.Kind) -> (Code, String) {
        switch kind {
        case .unreachable: (.upstreamUnreachable, "The provider could not be reached.")
        case .tls: (.upstreamTLS, "No trusted TLS connection to the provider could be made.")
        case .timeout(let phase): (.upstreamTimeout, "The provider took too long (\(phase.rawValue)).")
        case .auth:
            (.upstreamAuthFailed, "The provider refused this gateway's credential. Tell the gateway's operator.")
        case .quota: (.upstreamQuotaExhausted, "This gateway's quota at the provider is used up.")
        case .rate: (.upstreamRateLimited, "The provider limits the rate of requests. Try again later.")
        case .capacity, .busy: (.upstreamOverloaded, "The provider is overloaded. Try again later.")
        case .modelUnknown: (.upstreamModelUnknown, "The provider does not know this model.")
        case .contextLength: (.contextLengthExceeded, "The request is longer than the model's context.")
        case .input: (.upstreamRejected, "The provider refused the request as invalid.")
        case .truncated: (.upstreamTruncated, "The provider's answer broke off before its end.")
        case .protocol, .empty, .outputTooLarge:
            (.upstreamInvalidResponse, "The provider's answer is not what its protocol says.")
        case .upstream, .denied, .cancelled, .crashed, .failed, .spawn, .sandbox:
            (.upstreamError, "The provider failed.")
        }
    }

    private static func agent(_ kind: Failure.Kind) -> (Code, String) {
        switch kind {
        case .auth: (.agentNotAuthenticated, "The agent is not logged in on this gateway. Tell the gateway's operator.")
        case .quota: (.agentQuotaExhausted, "The agent's account has used up its quota.")
        case .rate: (.agentRateLimited, "The agent's provider limits the rate of requests. Try again later.")
        case .capacity: (.agentAtCapacity, "The agent's provider has no capacity now. Try again later.")
        case .busy: (.agentBusy, "All places of this agent are taken. Try again later.")
        case .modelUnknown: (.agentModelUnknown, "The agent does not know this model.")
        case .input, .contextLength: (.agentInputRejected, "The agent cannot take this request.")
        case .denied: (.agentActionDenied, "The agent needed an action that its policy denies.")
        case .empty: (.agentEmptyAnswer, "The agent ended without an answer.")
        case .timeout(let phase): (.agentTimeout, "The agent took too long (\(phase.rawValue)).")
        case .cancelled: (.agentCancelled, "The agent's run was cancelled.")
        case .crashed: (.agentCrashed, "The agent crashed.")
        case .protocol, .truncated:
            (.agentProtocolError, "The agent's output broke off or is not what its protocol says.")
        case .outputTooLarge: (.agentOutputTooLarge, "The agent produced more output than is taken.")
        case .spawn: (.agentStartFailed, "The agent could not be started. Tell the gateway's operator.")
        case .sandbox:
            (
                .sandboxUnavailable,
                "The agent runs in a sandbox only, and there is none here. Tell the gateway's operator."
            )
        case .failed, .upstream, .unreachable, .tls: (.agentFailed, "The agent failed.")
        }
    }
}
