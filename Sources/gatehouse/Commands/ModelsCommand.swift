import ArgumentParser
import GatehouseCore
import GatehouseEngine
import NIOCore

/// `gatehouse models`
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the model names that this configuration makes known.",
        discussion: """
            A provider takes any model name behind its own, such as openai/gpt-4o, \
            and so does an agent; those that the configuration names are listed, and \
            "provider/*" stands for the others.

            EXAMPLES
              gatehouse models
              gatehouse models --config gatehouse.yaml --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            let list = Self.list(try options.loader().load().get())
            CommandOutput.print(json ? Self.render(list) : Self.table(list))
        }
    }

    struct Line: Equatable {
        var name: String
        /// The provider or the agent that answers.
        var upstream: String
        /// The model's name there; empty when the caller or the agent chooses.
        var model: String
    }

    static func list(_ configuration: GatehouseConfiguration) -> [Line] {
        var lines = [Line(name: "gatehouse/echo", upstream: "gatehouse", model: "echo")]
        for alias in configuration.models {
            guard let target = alias.targets.first else { continue }
            lines.append(Line(name: alias.name, upstream: target.upstream.name, model: target.model))
        }
        for provider in configuration.providers {
            for model in provider.models {
                lines.append(Line(name: "\(provider.name)/\(model)", upstream: provider.name, model: model))
            }
            lines.append(Line(name: "\(provider.name)/*", upstream: provider.name, model: ""))
        }
        for agent in configuration.agents {
            lines.append(Line(name: agent.name, upstream: agent.name, model: agent.model ?? ""))
            lines.append(Line(name: "\(agent.name)/*", upstream: agent.name, model: ""))
        }
        return lines
    }

    static func table(_ lines: [Line]) -> String {
        let rows = lines.map { [$0.name, $0.upstream, $0.model.isEmpty ? "-" : $0.model] }
        return CommandOutput.table([["NAME", "UPSTREAM", "MODEL"]] + rows)
    }

    static func render(_ lines: [Line]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("models")
        writer.beginArray()
        for line in lines {
            writer.beginObject()
            writer.key("name")
            writer.string(line.name)
            writer.key("upstream")
            writer.string(line.upstream)
            writer.key("model")
            line.model.isEmpty ? writer.null() : writer.string(line.model)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(buffer: writer.buffer)
    }
}
