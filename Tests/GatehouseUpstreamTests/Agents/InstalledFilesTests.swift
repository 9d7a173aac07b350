import GatehouseCore
import Glibc
import Testing

@testable import GatehouseUpstream

/// What an executable needs, for the ways in which agents get installed.
struct InstalledFilesTests {
    private static func make(_ files: [(String, String)]) throws -> String {
        let directory = try AgentBench.temporaryDirectory()
        for (name, content) in files {
            var path = directory
            for part in name.split(separator: "/").dropLast() {
                path += "/" + part
                mkdir(path, 0o700)
            }
            let file = directory + "/" + name
            if content.hasPrefix("-> ") {
                let target = content.dropFirst(3)
                try #require(
                    symlink(target.hasPrefix("~") ? directory + target.dropFirst() : String(target), file) == 0)
            } else {
                try #require(AgentBench.touch(file, content.replacing("~", with: directory)))
                chmod(file, 0o700)
            }
        }
        return directory
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var files: [(String, String)]
        var executable: String
        var path = ""
        var takesFolder = true
        var expected: [String]
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "npm under nvm",
            files: [
                (".nvm/versions/node/v22/bin/node", "ELF"),
                (".nvm/versions/node/v22/lib/node_modules/@google/gemini-cli/index.js", "#!/usr/bin/env node\n"),
                (".nvm/versions/node/v22/bin/gemini", "-> ../lib/node_modules/@google/gemini-cli/index.js"),
            ], executable: ".nvm/versions/node/v22/bin/gemini", path: ".nvm/versions/node/v22/bin", expected: [".nvm"]),
        Case(
            name: "npm with a prefix of its own",
            files: [
                ("tools/lib/node_modules/x/cli.js", "#!/usr/bin/env -S node --no-warnings\n"),
                ("tools/bin/x", "-> ../lib/node_modules/x/cli.js"), ("node/bin/node", "ELF"),
            ], executable: "tools/bin/x", path: "node/bin", expected: ["tools", "node/bin"]),
        Case(
            name: "npm below the home itself",
            files: [
                ("node_modules/@openai/codex/bin/codex.js", "#!/bin/sh\n"),
                ("node_modules/.bin/codex", "-> ../@openai/codex/bin/codex.js"),
            ], executable: "node_modules/.bin/codex", expected: ["node_modules/.bin", "node_modules/@openai/codex"]),
        Case(
            name: "pipx",
            files: [
                (".local/share/pipx/venvs/llm/bin/llm", "#!~/.local/share/pipx/venvs/llm/bin/python\n"),
                (".local/share/pipx/venvs/llm/bin/python", "-> /usr/bin/env"),
                (".local/bin/llm", "-> ~/.local/share/pipx/venvs/llm/bin/llm"),
            ], executable: ".local/bin/llm", expected: [".local/bin/llm", ".local/share/pipx"]),
        Case(
            name: "a virtual environment with an interpreter from elsewhere",
            files: [
                ("venv/bin/llm", "#!~/venv/bin/python\n"), ("venv/bin/python", "-> ~/.pyenv/versions/3/bin/python3"),
                (".pyenv/versions/3/bin/python3", "ELF"),
            ], executable: "venv/bin/llm", takesFolder: false, expected: ["venv", ".pyenv"]),
        Case(
            name: "one binary behind a link",
            files: [
                (".local/share/claude/versions/1.0", "ELF"),
                (".local/bin/claude", "-> ~/.local/share/claude/versions/1.0"),
            ],
            executable: ".local/bin/claude", expected: [".local/bin/claude", ".local/share/claude"]),
        Case(
            name: "a script of the operator", files: [("scripts/mine", "#!/bin/sh\n"), ("scripts/secret", "x")],
            executable: "scripts/mine", takesFolder: false, expected: ["scripts/mine"]),
        Case(
            name: "a known one beside its parts", files: [("agents/cursor/cursor-agent", "#!/bin/sh\n")],
            executable: "agents/cursor/cursor-agent", expected: ["agents/cursor"]),
        Case(name: "nothing there", files: [], executable: "gone", expected: []),
        Case(
            name: "links in a circle", files: [("a", "-> ~/b"), ("b", "-> ~/a")], executable: "a", expected: []),
        Case(
            name: "an interpreter that is not there", files: [("mine", "#!/no/such/interpreter\n")], executable: "mine",
            takesFolder: false, expected: ["mine"]),
    ]

    @Test(arguments: cases)
    func takesWhatIsNeededAndNoMore(_ test: Case) throws {
        let directory = try Self.make(test.files)
        defer { AgentBench.removeAll(directory) }
        let found = InstalledFiles.of(
            "\(directory)/\(test.executable)", path: test.path.isEmpty ? "" : "\(directory)/\(test.path)",
            takesFolder: test.takesFolder, home: directory)
        #expect(found == test.expected.map { "\(directory)/\($0)" })
    }

    @Test func takesNothingOfTheSystem() {
        #expect(InstalledFiles.of("/usr/bin/env", path: "/usr/bin", takesFolder: true, home: "/root").isEmpty)
        #expect(InstalledFiles.of("/bin/sh", path: "/usr/bin", takesFolder: true, home: "/root").isEmpty)
    }

    // MARK: Masks

    @Test func findsWhatWouldConfigure() throws {
        let planted = [
            ".claude/settings.json", ".mcp.json", ".env", ".env.local", "CLAUDE.md", "a/b/AGENTS.md",
            "a/.cursor/mcp.json",
            ".git/hooks/pre-commit", ".git/config", ".github/copilot-instructions.md", "sub/.git",
        ]
        let harmless = [
            "README.md", "src/main.c", ".git/HEAD", "config", "hooks/x", ".github/workflows/ci.yml", "claude.md2",
        ]
        let directory = try Self.make((planted + harmless).map { ($0, "x") })
        defer { AgentBench.removeAll(directory) }
        let masks = try WorkspaceMasks.find(in: directory)
        #expect(
            masks.map(\.path) == [
                ".claude", ".env", ".env.local", ".git/config", ".git/hooks", ".github/copilot-instructions.md",
                ".mcp.json",
                "CLAUDE.md", "a/.cursor", "a/b/AGENTS.md", "sub/.git",
            ])
        #expect(masks.filter { $0.kind == .folder }.map(\.path) == [".claude", ".git/hooks", "a/.cursor"])
        #expect(masks.filter { $0.kind == .json }.map(\.path) == [".mcp.json"])
    }

    @Test(arguments: [".claude", "a/CLAUDE.md", ".git/hooks", ".git"])
    func refusesLinksInSuchPlaces(name: String) throws {
        let directory = try Self.make([("a/x", "x"), (name == ".git/hooks" ? ".git/HEAD" : "y", "x"), (name, "-> ~/a")])
        defer { AgentBench.removeAll(directory) }
        #expect(throws: Failure(.sandbox, detail: "a link in the place of an agent's configuration")) {
            try WorkspaceMasks.find(in: directory)
        }
    }

    @Test func looksThroughNoMoreThanItCan() throws {
        let directory = try Self.make((0...WorkspaceMasks.maskLimit).map { ("\($0)/.env", "") })
        defer { AgentBench.removeAll(directory) }
        #expect(throws: Failure.self) { try WorkspaceMasks.find(in: directory) }
        let deep = try AgentBench.temporaryDirectory()
        defer { AgentBench.removeAll(deep) }
        var path = deep
        for _ in 0..<80 {
            path += "/d"
            mkdir(path, 0o700)
        }
        #expect(throws: Failure.self) { try WorkspaceMasks.find(in: deep) }
        #expect(throws: Failure.self) { try WorkspaceMasks.find(in: deep + "/nothing") }
        // A link that leads around is not followed.
        let around = try Self.make([("a", "-> ~")])
        defer { AgentBench.removeAll(around) }
        #expect(try WorkspaceMasks.find(in: around).isEmpty)
    }
}
