/// Reads one group of settings. Every key that is asked for is a known key; the others are refused at the end.
final class ConfigurationSection {
    let path: String
    private let entries: [ConfigurationNode.Entry]
    private let journal: ConfigurationJournal
    private var known: [String] = []

    init(_ node: ConfigurationNode?, path: String, journal: ConfigurationJournal) {
        self.path = path
        self.journal = journal
        switch node?.content {
        case nil, .null: entries = []
        case .map(let present): entries = present
        case .scalar, .list:
            entries = []
            journal.report(path, "must be a group of settings")
        }
    }

    /// Of a key of this group.
    func path(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    /// A problem with the setting `key` that needs more than its own value to be seen.
    func report(_ key: String, _ message: String) {
        journal.report(path(key), message)
    }

    /// Whether any setting of the group was made.
    var isPresent: Bool { !entries.isEmpty }

    /// Whether the setting was made, be it wrong; an empty list is as good as none.
    func has(_ key: String) -> Bool {
        entries.contains { $0.key == key && $0.value.content != .null && $0.value.content != .list([]) }
    }

    // MARK: Scalars

    func read<Value>(_ key: String, _ kind: ConfigurationValue<Value>, into value: inout Value) {
        guard let node = take(key, .scalar, kind.what) else { return }
        if case .null = node.content {
            journal.report(path(key), "has no value; it must be \(kind.what)")
        } else if let parsed = scalar(node, path(key), kind) {
            value = parsed
        }
    }

    /// For a setting that may be unset again with `null`.
    func read<Value>(_ key: String, _ kind: ConfigurationValue<Value>, into value: inout Value?) {
        guard let node = take(key, .scalar, kind.what) else { return }
        if case .null = node.content {
            value = nil
        } else if let parsed = scalar(node, path(key), kind) {
            value = parsed
        }
    }

    /// For a setting without a default: its absence is a problem.
    func require<Value>(_ key: String, _ kind: ConfigurationValue<Value>) -> Value? {
        guard let node = take(key, .scalar, kind.what), node.content != .null else {
            journal.report(path(key), "is missing; it must be \(kind.what)")
            return nil
        }
        return scalar(node, path(key), kind)
    }

    private func scalar<Value>(
        _ node: ConfigurationNode, _ path: String, _ kind: ConfigurationValue<Value>
    ) -> Value? {
        guard case .scalar(let scalar) = node.content else {
            journal.report(path, "is not a single value; it must be \(kind.what)")
            return nil
        }
        if let value = kind.parse(scalar.text) { return value }
        if kind.isSecret {
            journal.report(path, scalar.text.isEmpty ? "is empty; it must be \(kind.what)" : "is not \(kind.what)")
        } else {
            journal.report(path, "\(Self.quoted(scalar.shown)) is not \(kind.what)")
        }
        return nil
    }

    private static func quoted(_ text: String) -> String {
        let safe = text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }
        return "\"\(safe.joined())\(text.unicodeScalars.count > 80 ? "…" : "")\""
    }

    // MARK: Lists and tables

    /// A list of scalars. A single one stands for a list of itself; one from outside the file may hold commas.
    func readList<Value>(_ key: String, _ kind: ConfigurationValue<Value>, into value: inout [Value]) {
        guard let node = take(key, .list, kind.what) else { return }
        let items: [ConfigurationNode]
        switch node.content {
        case .null: items = []
        case .list(let list): items = list
        case .scalar(let scalar): items = Self.split(scalar, node.origin)
        case .map:
            journal.report(path(key), "must be a list")
            return
        }
        value = items.enumerated().compactMap { index, item in
            let itemPath = "\(path(key))[\(index)]"
            journal.found(item, at: itemPath)
            return scalar(item, itemPath, kind)
        }
    }

    private static func split(
        _ scalar: ConfigurationNode.Scalar, _ origin: ConfigurationNode.Origin
    ) -> [ConfigurationNode] {
        switch origin {
        case .unknown, .line: return [ConfigurationNode(.scalar(scalar), origin: origin)]
        case .environment, .option: break
        }
        return scalar.text.split(separator: ",").map { part in
            let text = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            return .text(String(text), origin: origin)
        }
    }

    /// Names of the operator's own, each with a scalar.
    func readTable<Value>(_ key: String, _ kind: ConfigurationValue<Value>) -> [(name: String, value: Value)] {
        guard let node = take(key, .table, kind.what) else { return [] }
        switch node.content {
        case .null: return []
        case .map(let entries):
            return entries.compactMap { entry in
                let entryPath = "\(path(key)).\(entry.key)"
                journal.found(entry.value, at: entryPath)
                return scalar(entry.value, entryPath, kind).map { (entry.key, $0) }
            }
        case .scalar, .list:
            journal.report(path(key), "must be a group of names and values")
            return []
        }
    }

    // MARK: Groups

    func section(_ key: String, _ body: (ConfigurationSection) -> Void) {
        known.append(key)
        let node = node(key)
        if let node { journal.found(node, at: path(key)) }
        let section = ConfigurationSection(node, path: path(key), journal: journal)
        body(section)
        section.refuseUnknownKeys()
    }

    /// A list of groups. `body` makes an item of each, be it half empty, so that places in the list stay the same.
    func items<Item>(_ key: String, _ what: String, _ body: (ConfigurationSection) -> Item) -> [Item] {
        let node = take(key, .items, what)
        var items: [ConfigurationNode] = []
        switch node?.content {
        case nil, .null: break
        case .list(let list): items = list
        case .scalar, .map: journal.report(path(key), "must be a list of groups: each \(what)")
        }
        if journal.isListingKeys { return [read(nil, "\(path(key))[]", body)] }
        return items.enumerated().map { read($1, "\(path(key))[\($0)]", body) }
    }

    private func read<Item>(
        _ node: ConfigurationNode?, _ path: String, _ body: (ConfigurationSection) -> Item
    ) -> Item {
        if let node { journal.found(node, at: path) }
        let section = ConfigurationSection(node, path: path, journal: journal)
        let item = body(section)
        section.refuseUnknownKeys()
        return item
    }

    func refuseUnknownKeys() {
        for entry in entries where !known.contains(entry.key) {
            journal.found(entry.value, at: path(entry.key))
            let nearest = NearestName.to(entry.key, among: known)
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(known.joined(separator: ", "))"
            journal.report(path(entry.key), "is not a known setting; \(hint)")
        }
    }

    private func take(_ key: String, _ shape: ConfigurationKey.Shape, _ what: String) -> ConfigurationNode? {
        known.append(key)
        journal.known(ConfigurationKey(path: path(key), shape: shape, what: what))
        guard let node = node(key) else { return nil }
        journal.found(node, at: path(key))
        return node
    }

    private func node(_ key: String) -> ConfigurationNode? {
        entries.first { $0.key == key }?.value
    }
}
