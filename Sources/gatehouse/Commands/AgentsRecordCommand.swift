import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import GatehouseUpstream
import Glibc
import NIOCore
import NIOPosix

/// `gatehouse agents record`
struct AgentsRecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run an agent once as the gateway would, and save what it prints for a bug report.",
        discussion: """
            The transcript holds its arguments, its lines with their times, how it ended, \
            and what this gateway made of it. Secrets, tokens, addresses of mail and the \
            home's path are taken out; read it all the same before you send it. The run \
            may cost money.

            EXAMPLES
              gatehouse agents record claude
              gatehouse agents record codex --prompt "List the files" --output codex.json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The agent's name in the configuration.")
    var agent: String

    @Option(help: "What to ask it; it does not stand in the arguments of the transcript.")
    var prompt = "Answer with the single word: ready"

    @Option(name: .shortAndLong, help: ArgumentHelp("Write here instead of standard output.", valueName: "file"))
    var output: String?

    func run() async throws {
        try await CommandFailure.reported {
            let loader = try options.loader()
            let configuration = try loader.load().get()
            let directory = try options.dataDirectoryPath()
            guard let settings = Self.settings(agent, in: configuration, directory) else {
                let names = configuration.agents.map(\.name).joined(separator: ", ")
                CommandOutput.complain("there is no agent \(agent); there are: \(names.isEmpty ? "none" : names)")
                throw ExitCode(64)
            }
            let transcript = await Self.record(settings, prompt, loader.variables, directory)
            let homes = [loader.variables["HOME"], configuration.agents.first { $0.name == agent }?.home]
            let redaction = Redaction(
                secrets: KnownSecrets.list(configuration, loader.variables, directory), homes: homes.compactMap(\.self))
            try write(transcript.document(redaction).text + "\n")
            Self.conclude(transcript, output)
        }
    }

    /// Of several accounts the first one runs it.
    private static func settings(
        _ name: String, in configuration: GatehouseConfiguration, _ directory: String
    ) -> AgentSettings? {
        guard let agent = configuration.agents.first(where: { $0.name == name }),
            let kind = AgentKind(rawValue: agent.kind)
        else { return nil }
        var settings = AgentSettings(agent, kind: kind, dataDirectory: directory)
        if let account = settings.accounts.first { settings.use(account) }
        return settings
    }

    private static func record(
        _ settings: AgentSettings, _ prompt: String, _ variables: [String: String], _ directory: String
    ) async -> AgentTranscript {
        let place = RunsPlace(directory)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let recording = AgentRecording()
        var runner = AgentRunnerConfiguration(
            supervisor: AgentRunnerConfiguration.supervisorBesideExecutable() ?? "",
            runsDirectory: place.directory + "/runs", environment: variables)
        let doctor = try? await AgentDoctor(runner, on: group.any())
        let version = await doctor?.version(of: settings)
        runner.recording = recording
        let trial = await AgentTrial.ask(prompt, of: settings, runner, on: group.any())
        try? await group.shutdownGracefully()
        place.remove()
        return AgentTranscript(
            settings: settings, version: version, gateway: GatehouseVersion.current, recording: recording.content,
            trial: trial)
    }

    /// A file for this user's eyes only; one that is there is not overwritten.
    private func write(_ text: String) throws {
        guard let output else { return CommandOutput.print(text) }
        guard try TranscriptFile.create(output, Array(text.utf8)) else {
            CommandOutput.complain("\(output) is there already")
            throw CommandFailure.io
        }
    }

    /// For a person at the terminal: the transcript itself may have gone into a pipe.
    private static func conclude(_ transcript: AgentTranscript, _ output: String?) {
        let lines = transcript.recording.stdout.count + transcript.recording.stderr.count
        let ending =
            switch transcript.trial.result {
            case .success: "a whole answer"
            case .failure(let failure): "a failure (\(failure.kind.label))"
            }
        CommandOutput.complain("\(lines) lines, \(ending)\(output.map { ", in \($0)" } ?? "")")
    }
}
