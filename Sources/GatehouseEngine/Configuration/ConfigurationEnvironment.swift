/// The variables that a configuration may draw on, and the files that variables name.
package struct ConfigurationEnvironment: Sendable {
    package var variables: [String: String]
    /// The text of a file, or why it cannot be had, as a clause such as "cannot be read: No such file or directory".
    package var readFile: @Sendable (String) -> Result<String, FileProblem>

    package init(
        variables: [String: String], readFile: @escaping @Sendable (String) -> Result<String, FileProblem>
    ) {
        self.variables = variables
        self.readFile = readFile
    }

    package struct FileProblem: Error, Sendable, Equatable {
        package var message: String

        package init(_ message: String) {
            self.message = message
        }
    }

    /// The value of the variable `name`, or the content of the file that `NAME_FILE` names, without the newlines at its
    /// end; `nil` when neither is set.
    package func value(of name: String) -> Result<String?, FileProblem> {
        let fileName = name + "_FILE"
        switch (variables[name], variables[fileName]) {
        case (nil, nil): return .success(nil)
        case (let value?, nil): return .success(value)
        case (_?, _?): return .failure(FileProblem("\(name) and \(fileName) are both set; keep one"))
        case (nil, let path?):
            switch readFile(path) {
            case .success(let text): return .success(Self.withoutNewlinesAtEnd(text))
            case .failure(let problem):
                return .failure(FileProblem("the file that \(fileName) names \(problem.message)"))
            }
        }
    }

    static func withoutNewlinesAtEnd(_ text: String) -> String {
        var scalars = text.unicodeScalars[...]
        while let last = scalars.last, last == "\n" || last == "\r" { scalars.removeLast() }
        return String(scalars)
    }
}

/// Puts the variables `GATEHOUSE_…` over a document.
struct EnvironmentOverlay {
    let environment: ConfigurationEnvironment
    let keys: [ConfigurationKey]

    private static let prefix = "GATEHOUSE_"

    /// Not settings: where to find settings and data, and what clients and scripts of this gateway use.
    static let reserved = [
        "GATEHOUSE_CONFIG", "GATEHOUSE_DATA_DIR", "GATEHOUSE_API_KEY", "GATEHOUSE_URL", "GATEHOUSE_BINARY",
        "GATEHOUSE_CRASH_AT",
    ]

    func apply(to document: inout ConfigurationNode, journal: ConfigurationJournal) {
        var names: [String: ConfigurationKey] = [:]
        for key in keys {
            if let name = key.environmentName { names[name] = key }
        }
        for name in environment.variables.keys.sorted() where name.hasPrefix(Self.prefix) {
            if Self.reserved.contains(name) || Self.isServiceLink(name) { continue }
            let base = name.hasSuffix("_FILE") ? String(name.dropLast("_FILE".count)) : name
            guard let settingName = names[name] != nil ? name : names[base] != nil ? base : nil,
                let key = names[settingName]
            else {
                let hint = NearestName.to(name, among: names.keys.sorted()).map { "; did you mean \($0)?" } ?? ""
                journal.report(ConfigurationProblem(path: name, message: "is not a known variable\(hint)"))
                continue
            }
            guard let value = value(settingName, setAs: name, key.path, journal) else { continue }
            document.set(value, at: key.path.split(separator: ".")[...])
        }
    }

    private func value(
        _ settingName: String, setAs name: String, _ path: String, _ journal: ConfigurationJournal
    ) -> ConfigurationNode? {
        switch environment.value(of: settingName) {
        case .success(let text?):
            let shown = settingName == name ? text : "${\(settingName)}"
            return ConfigurationNode(.scalar(.init(text, shown: shown)), origin: .environment(name))
        case .success(nil): return nil
        case .failure(let problem):
            journal.report(ConfigurationProblem(path: path, message: problem.message, origin: .environment(name)))
            return nil
        }
    }

    /// Kubernetes sets such variables for a service called "gatehouse" without being asked.
    private static func isServiceLink(_ name: String) -> Bool {
        let rest = name.dropFirst(prefix.count)
        if rest == "SERVICE_HOST" || rest == "PORT" || rest == "SERVICE_PORT" { return true }
        return rest.hasPrefix("SERVICE_PORT_")
            || (rest.hasPrefix("PORT_") && rest.dropFirst("PORT_".count).first.map { ("0"..."9").contains($0) } == true)
    }
}
