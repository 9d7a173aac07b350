/// Which values of `anthropic-beta` a platform takes. An unknown one makes Bedrock and Vertex refuse the whole request.
package enum AnthropicBetas {
    package static let header = "anthropic-beta"

    /// Bedrock (InvokeModel). Source: the vendor's notes on each feature's availability, and what the platform answers.
    private static let bedrock: Set<String> = [
        "compact-2026-01-12", "computer-use-2025-01-24", "computer-use-2025-11-24", "context-1m-2025-08-07",
        "context-management-2025-06-27", "dangerous-tool-use-2026-09-03", "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14", "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01", "mid-conversation-tool-changes-2026-07-01",
        "thinking-binding-controls-2026-08-01", "thinking-display-updates-2026-08-18", "tool-search-tool-2025-10-19",
    ]

    private static let vertex: Set<String> = [
        "compact-2026-01-12", "compact-2026-09-04", "computer-use-2025-01-24", "computer-use-2025-11-24",
        "context-1m-2025-08-07", "context-management-2025-06-27", "dangerous-tool-use-2026-09-03",
        "interleaved-thinking-2025-05-14", "per-turn-control-2026-07-01", "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18", "tool-search-tool-2025-10-19", "web-search-2025-03-05",
    ]

    /// What both platforms call otherwise.
    private static let renamed = ["advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"]

    /// The values to send, each once, in order; and those left out.
    package static func filter(_ betas: [String], kind: String) -> (kept: [String], dropped: [String]) {
        let allowed: Set<String>? =
            switch kind {
            case "bedrock": bedrock
            case "vertex": vertex
            default: nil
            }
        var kept: [String] = []
        var dropped: [String] = []
        for beta in betas where !beta.isEmpty {
            let name = allowed == nil ? beta : renamed[beta] ?? beta
            if allowed?.contains(name) == false {
                dropped.append(beta)
            } else if !kept.contains(name) {
                kept.append(name)
            }
        }
        return (kept, dropped)
    }
}
