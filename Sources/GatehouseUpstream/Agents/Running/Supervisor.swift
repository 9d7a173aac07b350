import GatehouseCore
import Subprocess
import SystemPackage

/// Short calls of the supervisor, or of another tool, that end by themselves.
struct Supervisor: Sendable {
    let path: String
    private static let outputLimit = 1 << 20

    struct Outcome: Sendable {
        var status: AgentExit.Status
        var output: String
        var error: String
    }

    /// - Throws: `Failure` `.spawn` when it cannot be run.
    func run(_ arguments: [String]) async throws(Failure) -> Outcome {
        guard DescriptorRoom.has(DescriptorRoom.forRun) else {
            throw Failure(.spawn, detail: "this process may not open enough files")
        }
        do {
            let result = try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments),
                environment: .custom([Array("LC_ALL=C.UTF-8\0".utf8)]), input: .none,
                output: .string(limit: Self.outputLimit), error: .string(limit: Self.outputLimit))
            return Outcome(
                status: AgentExit.Status(result.terminationStatus), output: result.standardOutput,
                error: result.standardError)
        } catch {
            throw Failure(.spawn, detail: "\(path): \(error)".bounded)
        }
    }

    /// Ends what former runs left, by their journals; of one run only when it is named.
    func reap(_ runsDirectory: String, only name: String? = nil) async throws(Failure) -> [Remains] {
        let outcome = try await run(["--reap", runsDirectory] + [name].compactMap(\.self))
        guard outcome.status == .exited(0) else { throw Failure(.spawn, detail: outcome.error.bounded) }
        return outcome.output.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            return Remains(run: words.first ?? "", processes: Array(words.dropFirst()))
        }
    }

    /// A run that somebody left behind, and its processes that were still there: `PID:NAME`.
    struct Remains: Sendable, Equatable {
        var run: String
        var processes: [String]
    }
}

extension AgentExit.Status {
    init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signaled(number)
        }
    }
}
