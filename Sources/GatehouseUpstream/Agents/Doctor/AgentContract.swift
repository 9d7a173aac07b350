/// What is known of a CLI's versions and of how it tells its own state.
package struct AgentContract: Sendable, Equatable {
    /// The newest version whose output this gateway was tried with, recorded or run; `nil` for none in particular.
    package var tried: String?
    /// Older versions lack what is asked of them.
    package var minimum: String?
    /// A cheap command that tells whether somebody is logged in; `nil` where the CLI has none.
    package var loginArguments: [String]?
    /// How to install it, and how to log in.
    package var installation: String
    package var login: String

    package init(
        tried: String? = nil, minimum: String? = nil, loginArguments: [String]? = nil, installation: String = "",
        login: String = ""
    ) {
        self.tried = tried
        self.minimum = minimum
        self.loginArguments = loginArguments
        self.installation = installation
        self.login = login
    }
}

/// A version as CLIs print them: numbers with points between them.
package struct AgentVersion: Sendable, Equatable, Comparable, CustomStringConvertible {
    package let numbers: [Int]

    /// The first such number of a text that has at least two parts: `codex-cli 0.144.1`, `2026.01.28-fd13201`.
    package init?(in text: String) {
        for word in text.split(whereSeparator: { " \t\r\n(),:=\"'v".contains($0) }) {
            let digits = word.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let parts = digits.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
            let numbers = parts.compactMap(\.self)
            guard numbers.count >= 2, numbers.count == parts.count else { continue }
            self.numbers = numbers
            return
        }
        return nil
    }

    package var description: String { numbers.map(String.init).joined(separator: ".") }

    package static func < (one: AgentVersion, other: AgentVersion) -> Bool {
        for index in 0..<max(one.numbers.count, other.numbers.count) {
            let left = index < one.numbers.count ? one.numbers[index] : 0
            let right = index < other.numbers.count ? other.numbers[index] : 0
            if left != right { return left < right }
        }
        return false
    }

    package static func == (one: AgentVersion, other: AgentVersion) -> Bool { !(one < other) && !(other < one) }
}

/// What a CLI's own command says of its login.
package enum AgentLoginState: Sendable, Equatable {
    case loggedIn, loggedOut
    /// What it said is not understood.
    case unknown

    private static let words = [
        "not logged in", "\"loggedin\":false", "\"loggedin\": false", "not authenticated", "authentication required",
        "please run /login", "login required", "logged out",
    ]

    package init(exit: Int32, output: String) {
        let text = output.lowercased()
        if Self.words.contains(where: { text.contains($0) }) {
            self = .loggedOut
        } else {
            self = exit == 0 ? .loggedIn : .unknown
        }
    }
}
