/// How one kind of agent is logged in, and asked whether it is.
package struct LoginRecipe: Sendable, Equatable {
    package enum Style: String, Sendable {
        /// The person takes the code from here to the vendor's page; the CLI notices by itself.
        case device
        /// The person brings a code from the vendor's page.
        case code
    }

    package var style: Style
    /// Behind the executable.
    package var arguments: [String]
    package var environment: [String: String] = [:]
    /// The hosts that a URL may lead to, with what is below them.
    package var hosts: [String]
    /// Words on the screen, in lower case, that say that a code was wrong.
    package var refusals: [String] = []
    /// What asks whether somebody is logged in, quickly and for nothing; `nil` where the CLI has no such thing.
    package var probe: [String]?
}

extension AgentKind {
    /// `nil` where the vendor's login cannot be led from here: log in with the CLI itself, in the account's home.
    package var login: LoginRecipe? {
        var recipe = vendorLogin
        recipe?.probe = cli?.contract.loginArguments
        return recipe
    }

    private var vendorLogin: LoginRecipe? {
        switch self {
        case .claude:
            LoginRecipe(
                style: .code, arguments: ["auth", "login"],
                hosts: ["claude.ai", "claude.com", "anthropic.com"],
                refusals: ["invalid code", "oauth error", "failed to exchange", "invalid or expired"])
        case .codex:
            LoginRecipe(
                style: .device, arguments: ["login", "--device-auth"], hosts: ["openai.com", "chatgpt.com"])
        case .copilot:
            LoginRecipe(style: .device, arguments: ["login", "--device-code"], hosts: ["github.com"])
        case .cursorAgent:
            LoginRecipe(
                style: .device, arguments: ["login"], environment: ["NO_OPEN_BROWSER": "1"],
                hosts: ["cursor.com", "cursor.sh"])
        case .gemini:
            LoginRecipe(
                style: .code, arguments: [], environment: ["GOOGLE_GENAI_USE_GCA": "true"], hosts: ["google.com"],
                refusals: ["failed to authenticate", "invalid_grant"])
        case .agy:
            // Over SSH it shows a URL and takes a code instead of opening a browser.
            LoginRecipe(
                style: .code, arguments: [], environment: ["SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"],
                hosts: ["google.com", "antigravity.google"], refusals: ["invalid_grant", "authentication failed"])
        default: nil
        }
    }
}
