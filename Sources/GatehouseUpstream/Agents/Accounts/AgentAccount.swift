package import GatehouseCore
import Glibc

/// One login of an agent: a home of its own.
package struct AgentAccount: Sendable, Equatable {
    package var name: String
    /// Absolute.
    package var home: String
    /// Processes that may run with it at a time.
    package var concurrency = 1

    package init(name: String, home: String, concurrency: Int = 1) {
        self.name = name
        self.home = home
        self.concurrency = max(1, concurrency)
    }

    /// Whether a word can name an account: at most 64 letters, digits, `.`, `-` and `_`, with a letter or digit first.
    package static func isName(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), let first = name.utf8.first, isLetterOrDigit(first) else {
            return false
        }
        return name.utf8.allSatisfy { isLetterOrDigit($0) || ".-_".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// Where the home of an account is when nobody says otherwise.
    package static func home(of account: String, agent: String, in dataDirectory: String) -> String {
        "\(dataDirectory.withoutLastSlash)/accounts/\(agent)/\(account)"
    }
}

extension AgentSettings {
    /// From now on this account runs it, with its home.
    package mutating func use(_ account: AgentAccount) {
        self.account = account
        home = .path(account.home)
    }

    /// The same for one run with an account.
    func using(_ lease: (any AccountLease)?) -> AgentSettings {
        lease.map { using(account: $0.name) } ?? self
    }

    func using(account name: String) -> AgentSettings {
        // One that a reload took away has no home here any more, and cannot be started.
        using(accounts.first { $0.name == name } ?? AgentAccount(name: name, home: ""))
    }

    func using(_ account: AgentAccount) -> AgentSettings {
        var settings = self
        settings.use(account)
        return settings
    }
}

extension AccountLease {
    func end(behind result: Result<Finish, Failure>) {
        switch result {
        case .success: end()
        case .failure(let failure): end(behind: failure)
        }
    }
}

/// The private folder of an account.
package enum AccountHome {
    /// Makes the home where it is to be below `dataDirectory`; others are the operator's and only looked at.
    ///
    /// - Throws: `Failure` `.spawn` when it cannot be made, or lets others in.
    package static func prepare(_ home: String, in dataDirectory: String) throws(Failure) {
        let base = dataDirectory.withoutLastSlash
        if home.hasPrefix(base + "/") {
            var path = base
            for part in home.dropFirst(base.count).split(separator: "/") {
                path += "/\(part)"
                if mkdir(path, 0o700) != 0, errno != EEXIST {
                    throw Failure(.spawn, detail: "\(path) cannot be made: \(String(cString: strerror(errno)))".bounded)
                }
            }
        }
        try inspect(home)
    }

    /// Whoever can write there can run programs as the agent, and whoever can read has its login.
    static func inspect(_ home: String) throws(Failure) {
        var status = stat()
        guard lstat(home, &status) == 0 else {
            throw Failure(.spawn, detail: "\(home) cannot be used: \(String(cString: strerror(errno)))".bounded)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(.spawn, detail: "\(home) is no folder".bounded)
        }
        guard status.st_uid == geteuid() || geteuid() == 0 else {
            throw Failure(.spawn, detail: "\(home) belongs to another user".bounded)
        }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(.spawn, detail: "\(home) lets group or others in; run chmod 700 on it".bounded)
        }
    }
}
