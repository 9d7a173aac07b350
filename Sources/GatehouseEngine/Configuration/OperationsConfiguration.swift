package import Logging

/// The durable store. Keys below `storage`.
package struct StorageConfiguration: Sendable, Equatable {
    /// `sqlite:` and a path, absolute or below the data directory, or `postgres://user@host/database`.
    package var url = "sqlite:gatehouse.db"

    package init() {}

    /// The path of SQLite's file, absolute or below the data directory; `nil` for other stores.
    package var path: String? { LocalPlace.path(in: url, scheme: "sqlite:") }
}

/// What instances share: counters, cache, revocations. Keys below `shared`.
package struct SharedConfiguration: Sendable, Equatable {
    /// `memory:`, or `redis://host:6379/0`.
    package var url = "memory:"

    package init() {}
}

/// Uploaded files. Keys below `files`.
package struct FilesConfiguration: Sendable, Equatable {
    /// `file:` and a path, absolute or below the data directory.
    package var url = "file:files"
    /// Bytes of one file.
    package var maxSize = 50 << 20
    /// Lower-case, with their dot.
    package var extensions = [
        ".txt", ".md", ".csv", ".json", ".pdf", ".png", ".jpg", ".jpeg", ".webp", ".gif",
    ]
    package var ttl: Duration = .seconds(24 * 3600)
    /// Bytes of all files of one key.
    package var quota = 1 << 30
    /// Files of one key.
    package var maxFiles = 10_000
    /// Bytes that stay free on the disk; beyond them no upload is taken.
    package var minFree = 1 << 30

    package init() {}

    /// The path of the folder, absolute or below the data directory; `nil` for other stores.
    package var path: String? { LocalPlace.path(in: url, scheme: "file:") }
}

/// Places on this host, as settings name them.
enum LocalPlace {
    /// What stands behind the scheme; `nil` for another scheme, or nothing behind it.
    static func path(in url: String, scheme: String) -> String? {
        guard url.hasPrefix(scheme) else { return nil }
        let path = url.dropFirst(scheme.count)
        return path.isEmpty || path.utf8.contains(0) || path.hasPrefix("//") ? nil : String(path)
    }
}

/// Answers kept for equal requests. Keys below `cache`.
package struct CacheConfiguration: Sendable, Equatable {
    package var enabled = false
    package var ttl: Duration = .seconds(3600)
    /// Bytes of all requests and answers.
    package var maxSize = 64 << 20
    /// Keep answers also to requests with tools.
    package var tools = false

    package init() {}
}

/// Conversations kept for OpenAI's `previous_response_id`. Keys below `responses`.
package struct ResponsesConfiguration: Sendable, Equatable {
    package var ttl: Duration = .seconds(24 * 3600)
    /// Bytes of one conversation.
    package var maxEntry = 8 << 20
    /// Bytes of all, in the store; a part of them is in memory as well.
    package var maxSize = 1 << 30
    /// Conversations of one key.
    package var maxPerKey = 1000

    package init() {}
}

/// Conversations that go on by their names. Keys below `sessions`; how long they are kept is `responses`'.
package struct SessionsConfiguration: Sendable, Equatable {
    /// Turns of one session that wait for the one that is being answered; more are refused.
    package var waiting = 0

    package init() {}
}

/// Files that agents make in the folder they work in. Keys below `artifacts`.
package struct ArtifactsConfiguration: Sendable, Equatable {
    /// Bytes of one file; a larger one is not kept.
    package var maxSize = 32 << 20
    /// Bytes of all files of one run.
    package var maxTotal = 128 << 20
    /// Files of one run.
    package var maxFiles = 100
    /// Bytes of all files of one key.
    package var quota = 1 << 30
    package var ttl: Duration = .seconds(24 * 3600)

    package init() {}
}

/// Calls that go on without their callers. Keys below `runs`.
package struct RunsConfiguration: Sendable, Equatable {
    package var ttl: Duration = .seconds(24 * 3600)
    /// Bytes of the events of one run; the oldest of a longer one are forgotten.
    package var maxSize = 16 << 20
    /// Runs of one key that go on at the same time.
    package var concurrency = 20

    package init() {}
}

/// Calls that their callers named, and their answers. Keys below `idempotency`.
package struct IdempotencyConfiguration: Sendable, Equatable {
    package var ttl: Duration = .seconds(24 * 3600)
    /// Bytes of one answer.
    package var maxEntry = 8 << 20
    /// Bytes of all.
    package var maxSize = 1 << 30

    package init() {}
}

/// Logs and access records. Keys below `logging`.
package struct LoggingConfiguration: Sendable, Equatable {
    package var level: Logger.Level = .info
    package var format: Format = .auto
    /// A path, relative to the data directory unless absolute; `nil` is standard error.
    package var file: String?
    /// Bytes after which the file is put aside.
    package var maxSize = 10 << 20
    /// Files put aside that are kept.
    package var keep = 5

    package init() {}

    /// What a line looks like.
    package enum Format: String, Sendable, CaseIterable {
        /// `console` on a terminal, else `json`.
        case auto
        case json
        case console
    }
}

/// Metrics and traces. Keys below `telemetry`.
package struct TelemetryConfiguration: Sendable, Equatable {
    /// Whether `/metrics` answers.
    package var metrics = true
    /// Where traces go, as an OTLP/HTTP endpoint.
    package var otlp: String?

    package init() {}
}
