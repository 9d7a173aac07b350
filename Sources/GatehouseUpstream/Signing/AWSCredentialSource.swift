package import GatehouseCore

/// Where AWS credentials come from. The first of the usual places that has some is taken, as AWS's own SDKs do it:
/// configuration, environment, shared credentials file, the container's endpoint, the instance's.
package enum AWSCredentialSource: Sendable, Equatable {
    case fixed(AWSCredentials)
    /// Read again from time to time: tools renew what is in it.
    case file(path: String, profile: String)
    case container(AWSContainerEndpoint)
    /// EC2's metadata service, version 2. Off unless the operator says so: anything on the host can ask it.
    case instance(HTTPOrigin)

    /// - Parameters:
    ///   - explicit: From the configuration.
    ///   - read: The text of a file; `nil` when it is not there.
    /// - Returns: `nil` when nothing offers credentials.
    /// - Throws: for what is set and cannot be used.
    package static func resolve(
        explicit: AWSCredentials? = nil, environment: [String: String], allowsInstance: Bool = false,
        read: (String) -> String?
    ) throws(AWSCredentialError) -> AWSCredentialSource? {
        if let explicit { return .fixed(explicit) }
        let inEnvironment = try AWSCredentials(
            id: environment["AWS_ACCESS_KEY_ID"], secret: environment["AWS_SECRET_ACCESS_KEY"],
            token: environment["AWS_SESSION_TOKEN"], place: "the environment")
        if let inEnvironment { return .fixed(inEnvironment) }
        if let file = try file(environment, read) { return file }
        if let endpoint = try AWSContainerEndpoint(environment: environment) { return .container(endpoint) }
        let isDisabled = environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true"
        return allowsInstance && !isDisabled ? .instance(try instance(environment)) : nil
    }

    private static func instance(_ environment: [String: String]) throws(AWSCredentialError) -> HTTPOrigin {
        let set = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        guard let origin = HTTPOrigin(set ?? "http://169.254.169.254") else {
            throw AWSCredentialError("AWS_EC2_METADATA_SERVICE_ENDPOINT is no http or https URL")
        }
        return origin
    }

    private static func file(
        _ environment: [String: String], _ read: (String) -> String?
    ) throws(AWSCredentialError) -> AWSCredentialSource? {
        let named = environment["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 }
        let profile = named ?? "default"
        let home = environment["HOME"].map { $0 + "/.aws/credentials" }
        guard let path = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? home else { return nil }
        if let text = read(path), try AWSProfileFile(text).credentials(profile) != nil {
            return .file(path: path, profile: profile)
        }
        if let named { throw AWSCredentialError("the profile \(named) has no credentials in \(path)") }
        return nil
    }
}

/// The endpoint that ECS, EKS and the like give to a container.
package struct AWSContainerEndpoint: Sendable, Equatable {
    /// What goes into the `Authorization` header.
    package enum Token: Sendable, Equatable {
        case none
        case value(Secret)
        /// Read anew each time: Kubernetes renews it.
        case file(String)
    }

    package var origin: HTTPOrigin
    package var path: String
    package var token: Token

    /// Credentials are asked for without TLS only at addresses that no packet leaves the host or its agent for.
    private static let plainHosts: Set<String> = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"]

    /// - Returns: `nil` when the environment names none.
    /// - Throws: for an address that cannot be trusted.
    init?(environment: [String: String]) throws(AWSCredentialError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let url: String
        if let relative = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            guard relative.hasPrefix("/") else {
                throw AWSCredentialError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash")
            }
            url = "http://169.254.170.2" + relative
        } else if let full = value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            url = full
        } else {
            return nil
        }
        // The path and the query are asked for as they are written; a base URL would lose a slash at its end.
        let host = url.index(url.startIndex, offsetBy: url.hasPrefix("https://") ? 8 : 7, limitedBy: url.endIndex)
        let start = url[(host ?? url.endIndex)...].firstIndex { "/?".contains($0) } ?? url.endIndex
        let target = url[start...].prefix { $0 != "#" }
        guard target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let origin = HTTPOrigin(String(url[..<start])) else {
            throw AWSCredentialError("the address of the container's credentials is no http or https URL")
        }
        guard origin.isTLS || origin.isLoopback || Self.plainHosts.contains(origin.host) else {
            throw AWSCredentialError(
                "the address of the container's credentials is neither https nor one of this host or its agent")
        }
        self.origin = origin
        path = target.hasPrefix("/") ? String(target) : "/" + target
        if let file = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            token = .file(file)
        } else {
            token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN").map { .value(Secret($0)) } ?? .none
        }
    }
}
