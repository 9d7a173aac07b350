package import GatehouseCore

/// What AWS knows an account's user or role by.
package struct AWSCredentials: Sendable, Equatable {
    /// Public: it stands in every signature.
    package var accessKeyID: String
    package var secretAccessKey: Secret
    /// Of temporary credentials.
    package var sessionToken: Secret?
    /// Seconds since 1970; `nil` when they do not end.
    package var expiresAt: Int?

    package init(
        accessKeyID: String, secretAccessKey: Secret, sessionToken: Secret? = nil, expiresAt: Int? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
    }
}

extension AWSCredentials {
    /// Reads what container and instance endpoints answer; `nil` for anything else.
    init?(endpointAnswer body: JSONValue) {
        if let code = body["Code"]?.string, code != "Success" { return nil }
        guard let id = body["AccessKeyId"]?.string, let secret = body["SecretAccessKey"]?.string, !secret.isEmpty,
            Self.isWord(id)
        else { return nil }
        self.init(accessKeyID: id, secretAccessKey: Secret(secret))
        if let token = body["Token"]?.string, !token.isEmpty {
            guard Self.isWord(token) else { return nil }
            sessionToken = Secret(token)
        }
        expiresAt = body["Expiration"]?.string.flatMap { UTCTime(parsing: $0)?.seconds }
    }

    /// The credentials in environment variables or in a profile; `nil` when there are none.
    ///
    /// - Throws: when only a part is there, or what could not stand in a header.
    init?(
        id: String?, secret: String?, token: String?, place: String
    ) throws(AWSCredentialError) {
        let id = id ?? ""
        let secret = secret ?? ""
        if id.isEmpty, secret.isEmpty { return nil }
        guard !id.isEmpty, !secret.isEmpty else {
            throw AWSCredentialError("\(place) has one of access key id and secret access key, but not the other")
        }
        guard Self.isWord(id), Self.isWord(token ?? "") else {
            throw AWSCredentialError("\(place) has credentials with blanks or control characters")
        }
        self.init(accessKeyID: id, secretAccessKey: Secret(secret))
        if let token, !token.isEmpty { sessionToken = Secret(token) }
    }

    /// Both go into headers.
    private static func isWord(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
}

/// Why there are no AWS credentials to use; for the operator.
package struct AWSCredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
