package import GatehouseCore

/// The record of one run for a report of a bug, without what its reader must not learn. Its members are those of the
/// recorded transcripts that tests read, so that it can become one of them.
package struct AgentTranscript: Sendable {
    package var settings: AgentSettings
    package var version: String?
    package var gateway: String
    package var recording: AgentRecording.Content
    package var trial: AgentTrial

    package init(
        settings: AgentSettings, version: String?, gateway: String, recording: AgentRecording.Content, trial: AgentTrial
    ) {
        self.settings = settings
        self.version = version
        self.gateway = gateway
        self.recording = recording
        self.trial = trial
    }

    /// As JSON.
    package func document(_ redaction: Redaction) -> JSONValue {
        let members: [JSONValue.Member] = [
            .init("format", .string("gatehouse-agent-transcript/1")), .init("agent", .string(settings.kind.rawValue)),
            .init("version", version.map { .string($0) } ?? .null), .init("gatehouse", .string(gateway)),
            .init("sandbox", .string(settings.policy)), .init("argv", strings(recording.argv)),
            .init("stdin", recording.readsPrompt ? .string(AgentRecording.promptMark) : .null),
            .init("environment", strings(recording.environment)),
            .init("stdout_lines", strings(recording.stdout.map(\.text))),
            .init("stdout_ms", .array(recording.stdout.map { .int($0.at) })),
            .init("stderr_lines", strings(recording.stderr.map(\.text))),
            .init("stderr_ms", .array(recording.stderr.map { .int($0.at) })),
            .init("exit_code", exitCode), .init("signal", signal), .init("duration_ms", .int(recording.duration)),
            .init("cut", .bool(recording.isCut)), .init("events", .array(trial.events.compactMap(\.document))),
            .init("result", result),
        ]
        return Self.clean(.object(members), redaction, depth: 0)
    }

    private func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    private var exitCode: JSONValue {
        if case .exited(let code)? = recording.status { .int(Int(code)) } else { .null }
    }

    private var signal: JSONValue {
        if case .signaled(let number)? = recording.status { .int(Int(number)) } else { .null }
    }

    private var result: JSONValue {
        switch trial.result {
        case .success(let finish):
            let usage = finish.usage.map { usage in
                JSONValue.object([
                    .init("input", .int(usage.input)), .init("output", .int(usage.output)),
                    .init("cached_input", .int(usage.cachedInput)), .init("reasoning", .int(usage.reasoning)),
                ])
            }
            let cost = finish.cost.map { cost in
                JSONValue.object([.init("unit", .string(cost.unit)), .init("amount", .string(cost.amount))])
            }
            return .object([
                .init("finished", .string(finish.reason.rawValue)), .init("usage", usage ?? .null),
                .init("cost", cost ?? .null), .init("session", finish.session.map { .string($0) } ?? .null),
            ])
        case .failure(let failure):
            return .object([
                .init("failed", .string(failure.kind.label)), .init("detail", .string(failure.detail)),
                .init("retry_after", failure.retryAfter.map { .int($0) } ?? .null),
            ])
        }
    }

    /// All texts of a value that this made: it is never deep.
    private static func clean(_ value: JSONValue, _ redaction: Redaction, depth: Int) -> JSONValue {
        guard depth < 8 else { return .null }
        switch value {
        case .string(let text): return .string(redaction.clean(text))
        case .array(let items): return .array(items.map { clean($0, redaction, depth: depth + 1) })
        case .object(let members):
            return .object(members.map { .init($0.key, clean($0.value, redaction, depth: depth + 1)) })
        default: return value
        }
    }
}

extension CanonicalEvent {
    /// What agents tell; the rest has no place in a transcript.
    fileprivate var document: JSONValue? {
        func event(_ type: String, _ members: JSONValue.Member...) -> JSONValue {
            .object([.init("type", .string(type))] + members)
        }
        switch self {
        case .started(let start):
            return event(
                "started", .init("model", start.model.map { .string($0) } ?? .null),
                .init("session", start.session.map { .string($0) } ?? .null))
        case .textDelta(let text): return event("text", .init("text", .string(text)))
        case .reasoningDelta(let text): return event("reasoning", .init("text", .string(text)))
        case .toolStarted(let id, let name, let input):
            return event(
                "tool_started", .init("id", .string(id)), .init("name", .string(name)),
                .init("input", input.map { .string($0) } ?? .null))
        case .toolFinished(let id, let succeeded, let denied):
            return event(
                "tool_finished", .init("id", .string(id)), .init("ok", .bool(succeeded)), .init("denied", .bool(denied))
            )
        case .notice(let notice):
            return event(
                "notice", .init("severity", .string(notice.severity.rawValue)), .init("text", .string(notice.text)))
        case .file(let file, _):
            return event("file", .init("name", .string(file.name)), .init("size", .int(file.size)))
        case .limit(let limit):
            return event(
                "limit", .init("kind", .string(limit.kind)),
                .init("resets_at", limit.resetsAt.map { .int($0) } ?? .null))
        default: return nil
        }
    }
}
