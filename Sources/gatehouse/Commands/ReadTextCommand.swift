import ArgumentParser
import GatehouseUpstream

/// `gatehouse read-text`: what the gateway starts in a sandbox to read one file. Nobody else has a use for it.
struct ReadTextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read-text", abstract: "Print the text of a file.",
        discussion: """
            EXAMPLES
              gatehouse read-text docx report.docx
            """,
        shouldDisplay: false)

    @Argument(help: "One of html, docx, xlsx and pptx.")
    var kind: String

    @Argument(help: "The file.")
    var file: String

    func run() throws {
        guard let kind = TextReader.Kind(rawValue: kind) else { throw ExitCode(64) }
        throw ExitCode(TextReader.run(kind, path: file))
    }
}
