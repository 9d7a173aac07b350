import GatehouseCore

/// The description of all routes (OpenAPI 3.1), made of the tables by which requests find them and of what is written about
/// each. A route about which nothing is written is marked as such, and so is what is written about none: a test looks for
/// both.
struct OpenAPIDocument {
    /// What is described: a route of either plane.
    struct Route {
        /// In lower case, as the description has it.
        let method: String
        let path: String
        let isOpen: Bool
    }

    private let entries: [String: JSONValue]
    private let schemas: [JSONValue.Member]

    private static let texts = [
        OpenAPIText.dataPlane, OpenAPIText.native, OpenAPIText.openAI, OpenAPIText.operations,
        OpenAPIText.administration,
    ]

    init() {
        var entries: [String: JSONValue] = [:]
        for text in Self.texts {
            for member in Self.members(text) { entries[member.key] = member.value }
        }
        self.entries = entries
        schemas = [OpenAPIText.schemas, OpenAPIText.answerSchemas, OpenAPIText.keySchemas].flatMap(Self.members)
    }

    private static func members(_ text: String) -> [JSONValue.Member] {
        (try? JSONValue(parsing: text.utf8))?.object ?? []
    }

    func make(_ routes: [Route], version: String) -> JSONValue {
        var paths: [(path: String, operations: [JSONValue.Member])] = []
        var described: Set<String> = []
        for route in routes {
            let key = route.method + " " + route.path
            described.insert(key)
            for path in Self.paths(route, entries[key]) {
                let place = paths.firstIndex { $0.path == path } ?? paths.count
                if place == paths.count { paths.append((path, [])) }
                paths[place].operations.append(.init(route.method, operation(route, path, entries[key])))
            }
        }
        let unrouted = entries.keys.filter { !described.contains($0) }.sorted()
        return .object([
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("Gatehouse"), "version": .string(version),
                "description": .string("One address for language models and agents, in the dialects of their clients."),
            ]),
            "paths": .object(paths.sorted { $0.path < $1.path }.map { .init($0.path, .object($0.operations)) }),
            "components": .object([
                "schemas": .object(schemas), "securitySchemes": .object(Self.keys),
            ]),
            "x-unrouted": unrouted.isEmpty ? nil : .array(unrouted.map { .string($0) }),
        ])
    }

    /// A route with a wildcard is described as what it stands for.
    private static func paths(_ route: Route, _ entry: JSONValue?) -> [String] {
        if let paths = entry?["paths"]?.array { return paths.compactMap(\.string) }
        let parts = route.path.split(separator: "/").map { part in
            part.hasPrefix(":") ? "{\(part.dropFirst())}" : part == "**" ? "{rest}" : String(part)
        }
        return ["/" + parts.joined(separator: "/")]
    }

    // MARK: One operation

    private func operation(_ route: Route, _ path: String, _ entry: JSONValue?) -> JSONValue {
        var parameters = Self.names(in: path).map { Self.parameter($0, in: "path", .string("")) }
        parameters += (entry?["query"]?.object ?? []).map { Self.parameter($0.key, in: "query", $0.value) }
        parameters += (entry?["headers"]?.object ?? []).map { Self.parameter($0.key, in: "header", $0.value) }
        return .object([
            "operationId": .string(Self.identifier(route.method, path)),
            "tags": entry?["tag"].map { .array([$0]) },
            "summary": entry?["summary"] ?? .string(""),
            "parameters": parameters.isEmpty ? nil : .array(parameters),
            "requestBody": entry?["body"].map { .object(["required": .bool(true), "content": Self.content($0)]) },
            "responses": .object(Self.answers(entry?["answers"], path)),
            "security": route.isOpen
                ? .array([]) : .array(Self.keys.map { .object([.init($0.key, .array([]))]) }),
            "x-undocumented": entry == nil ? .bool(true) : nil,
        ])
    }

    private static let keys: [JSONValue.Member] = [
        .init("bearer", .object(["type": .string("http"), "scheme": .string("bearer")])),
        .init(
            "anthropic",
            .object(["type": .string("apiKey"), "in": .string("header"), "name": .string("x-api-key")])),
        .init(
            "google",
            .object(["type": .string("apiKey"), "in": .string("header"), "name": .string("x-goog-api-key")])),
    ]

    private static func names(in path: String) -> [String] {
        path.split(separator: "{").dropFirst().map { String($0.prefix { $0 != "}" }) }
    }

    private static func parameter(_ name: String, in place: String, _ description: JSONValue) -> JSONValue {
        let text = description.string ?? ""
        return .object([
            "name": .string(name), "in": .string(place), "required": place == "path" ? .bool(true) : nil,
            "description": text.isEmpty ? nil : .string(text),
            "schema": .object(["type": .string("string")]),
        ])
    }

    /// `getApiRunsId` for `get /api/runs/{id}`.
    private static func identifier(_ method: String, _ path: String) -> String {
        let words = path.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return method + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// What is answered by its status: the name of a schema, a list of media types, or `null` for nothing.
    private static func answers(_ answers: JSONValue?, _ path: String) -> [JSONValue.Member] {
        let told = (answers?.object ?? []).map { answer in
            JSONValue.Member(
                answer.key,
                .object([
                    "description": .string(answer.key == "200" ? "It went well." : "As its status says."),
                    "content": answer.value.isNull ? nil : content(answer.value),
                ]))
        }
        let error: JSONValue = .object([
            "description": .string("What is wrong; see docs/errors.md."), "content": content(.string(errorName(path))),
        ])
        return told + [.init("default", error)]
    }

    /// `"Run"` is JSON of that schema; `["text/plain"]` any content of these types; both can be in one list.
    private static func content(_ value: JSONValue) -> JSONValue {
        let all = value.array ?? [value]
        return .object(
            all.map { element in
                guard let name = element.string else { return .init("application/json", .object(["schema": element])) }
                guard !name.contains("/") else { return .init(name, .object([JSONValue.Member]())) }
                let reference = JSONValue.object(["$ref": .string("#/components/schemas/" + name)])
                return .init("application/json", .object(["schema": reference]))
            })
    }

    private static func errorName(_ path: String) -> String {
        if path.hasPrefix("/api/") { return "NativeError" }
        if path.hasPrefix("/v1/messages") { return "AnthropicError" }
        return path.hasPrefix("/v1beta/") || path.contains("}:") ? "GeminiError" : "Error"
    }
}
