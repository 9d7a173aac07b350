/// Replaces `${NAME}` and `${NAME:-otherwise}` in the scalars of a file; `$${` stands for a plain `${`.
///
/// What is put in is not looked at again, so that a secret may hold any character.
struct ConfigurationInterpolation {
    let environment: ConfigurationEnvironment
    let journal: ConfigurationJournal

    /// The depth of a document is bounded by whoever parses it.
    func apply(to node: inout ConfigurationNode, at path: String = "") {
        switch node.content {
        case .null: break
        case .scalar(let scalar):
            guard scalar.text.contains("${") else { return }
            switch expand(scalar.text) {
            case .success(let text): node.content = .scalar(.init(text, shown: scalar.text))
            case .failure(let problem):
                journal.report(ConfigurationProblem(path: path, message: problem.message, origin: node.origin))
                node.content = .null
                journal.silence(path)
            }
        case .list(var items):
            for index in items.indices { apply(to: &items[index], at: "\(path)[\(index)]") }
            node.content = .list(items)
        case .map(var entries):
            for index in entries.indices {
                let key = entries[index].key
                apply(to: &entries[index].value, at: path.isEmpty ? key : "\(path).\(key)")
            }
            node.content = .map(entries)
        }
    }

    typealias Problem = ConfigurationEnvironment.FileProblem

    private func expand(_ text: String) -> Result<String, Problem> {
        var out = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if rest[..<start.lowerBound].hasSuffix("$") {
                out += rest[..<start.lowerBound].dropLast() + "${"
                rest = rest[start.upperBound...]
                continue
            }
            out += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                return .failure(Problem("\"${\" without \"}\"; write \"$${\" for the characters themselves"))
            }
            switch value(of: rest[start.upperBound..<end]) {
            case .success(let value): out += value
            case .failure(let problem): return .failure(problem)
            }
            rest = rest[end...].dropFirst()
        }
        return .success(out + rest)
    }

    private func value(of reference: Substring) -> Result<String, Problem> {
        let name: Substring
        var otherwise: Substring?
        if let mark = reference.firstRange(of: ":-") {
            name = reference[..<mark.lowerBound]
            otherwise = reference[mark.upperBound...]
        } else {
            name = reference
        }
        guard ConfigurationValue<String>.isVariableName(name) else {
            return .failure(
                Problem("\"${\(reference)}\" does not name a variable; write ${NAME} or ${NAME:-otherwise}"))
        }
        switch environment.value(of: String(name)) {
        case .failure(let problem): return .failure(problem)
        case .success(let value):
            if let value, !value.isEmpty || otherwise == nil { return .success(value) }
            if let otherwise { return .success(String(otherwise)) }
            return .failure(
                Problem("the variable \(name) is not set; set it, or \(name)_FILE, or write ${\(name):-otherwise}"))
        }
    }
}
