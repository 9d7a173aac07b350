import ArgumentParser
import GatehouseCore

/// `gatehouse doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look whether what is configured works: stores, providers, agents, limits.",
        discussion: """
            Prints a table, and what to do where something needs to be done. Exits with 1 \
            when something that is configured is broken. Agents are started in their \
            sandboxes for their version and their login; with --run each is asked for one \
            word, which its vendor may charge for.

            EXAMPLES
              gatehouse doctor
              gatehouse doctor --config gatehouse.yaml --json
              gatehouse doctor --run
            """)

    static let broken = ExitCode(1)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(name: .customLong("run"), help: "Ask each agent for one word as well. It may cost money.")
    var runsAgents = false

    @Option(help: ArgumentHelp("End each command of an agent after so many seconds.", valueName: "seconds"))
    var timeout = 15

    func validate() throws {
        guard (1...600).contains(timeout) else { throw ValidationError("--timeout must be from 1 to 600") }
    }

    func run() async throws {
        try await CommandFailure.reported {
            let loader = try options.loader()
            let configuration = try loader.load().get()
            let doctor = Doctor(
                configuration: configuration, variables: loader.variables,
                dataDirectory: try options.dataDirectoryPath(), limit: .seconds(timeout), runsAgents: runsAgents)
            let findings = try await doctor.examine()
            CommandOutput.print(json ? Self.render(findings) : Self.table(findings))
            if findings.contains(where: { $0.verdict == .broken }) { throw Self.broken }
        }
    }

    static func table(_ findings: [Finding]) -> String {
        let rows = findings.map { [$0.subject, $0.check, $0.verdict.rawValue, $0.detail] }
        var text = CommandOutput.table([["SUBJECT", "CHECK", "RESULT", "DETAIL"]] + rows)
        for (verdict, heading) in [(Finding.Verdict.broken, "Broken:"), (.notice, "Worth knowing:")] {
            let advised = findings.filter { $0.verdict == verdict && !$0.advice.isEmpty }
            guard !advised.isEmpty else { continue }
            text += "\n\(heading)\n"
            for finding in advised { text += "  \(finding.subject), \(finding.check): \(finding.advice)\n" }
        }
        let broken = findings.count { $0.verdict == .broken }
        let notices = findings.count { $0.verdict == .notice }
        return text + "\n\(findings.count) checks, \(broken) broken, \(notices) worth knowing\n"
    }

    static func render(_ findings: [Finding]) -> String {
        let list = findings.map { finding in
            JSONValue.object([
                .init("subject", .string(finding.subject)), .init("check", .string(finding.check)),
                .init("result", .string(finding.verdict.rawValue)), .init("detail", .string(finding.detail)),
                .init("advice", finding.advice.isEmpty ? .null : .string(finding.advice)),
            ])
        }
        let isHealthy = !findings.contains { $0.verdict == .broken }
        return JSONValue.object([
            .init("version", .string(GatehouseVersion.current)), .init("healthy", .bool(isHealthy)),
            .init("findings", .array(list)),
        ]).text
    }
}
