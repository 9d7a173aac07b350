/// Accounts share nothing: two in one home would log each other out, and see each other's conversations.
struct AccountValidation {
    let tree: GatehouseConfiguration
    let journal: ConfigurationJournal

    private struct Home {
        /// Its parts, without empty ones and dots.
        var parts: [Substring]
        var path: String
        var owner: String
    }

    func run() {
        var homes: [Home] = []
        for (index, agent) in tree.agents.enumerated() {
            if let home = agent.home { homes.append(made(home, "agents[\(index)].home", "agent \"\(agent.name)\"")) }
        }
        for (index, agent) in tree.agents.enumerated() {
            for (position, account) in agent.accounts.enumerated() {
                guard let home = account.home else { continue }
                let path = "agents[\(index)].accounts[\(position)].home"
                let new = made(home, path, "account \"\(account.name)\" of \"\(agent.name)\"")
                if let other = homes.first(where: { overlap($0, new) }) {
                    journal.report(path, "lies in or around the home of \(other.owner); each account needs its own")
                }
                homes.append(new)
            }
        }
    }

    private func made(_ home: String, _ path: String, _ owner: String) -> Home {
        Home(parts: home.split(separator: "/").filter { $0 != "." }, path: path, owner: owner)
    }

    private func overlap(_ one: Home, _ other: Home) -> Bool {
        one.parts.starts(with: other.parts) || other.parts.starts(with: one.parts)
    }
}
