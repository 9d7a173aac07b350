import Crypto
import CryptoExtras
package import GatehouseCore

/// A Google service account: a name and a private key, which are exchanged for tokens
/// (https://developers.google.com/identity/protocols/oauth2/service-account#httprest).
package struct GoogleServiceAccount: Sendable {
    /// Seconds an assertion is valid; Google takes an hour at most.
    private static let lifetime = 3600

    package let email: String
    /// The project it belongs to, where the file says so.
    package let projectID: String?
    /// Where tokens are given.
    package let tokenOrigin: HTTPOrigin
    private let keyID: String?
    private let tokenURL: String
    private let key: _RSA.Signing.PrivateKey

    /// Reads the file that Google's console gives.
    ///
    /// - Throws: `GoogleCredentialError` when it is not such a file.
    package init(file: Secret) throws(GoogleCredentialError) {
        guard let body = try? JSONValue(parsing: file.reveal().utf8), body.object != nil else {
            throw GoogleCredentialError("the service account's file is no JSON object")
        }
        guard body["type"]?.string == "service_account" else {
            throw GoogleCredentialError("the file is no service account's: its type must be service_account")
        }
        guard let email = body["client_email"]?.string, let pem = body["private_key"]?.string else {
            throw GoogleCredentialError("the service account's file has no client_email or no private_key")
        }
        let url = body["token_uri"]?.string ?? "https://oauth2.googleapis.com/token"
        guard let origin = HTTPOrigin(url), origin.isTLS || origin.isLoopback else {
            throw GoogleCredentialError("the service account's token_uri is no https URL")
        }
        guard let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) else {
            throw GoogleCredentialError("the service account's private_key is no RSA key of 2048 bits or more")
        }
        self.email = email
        projectID = body["project_id"]?.string
        tokenOrigin = origin
        tokenURL = url
        keyID = body["private_key_id"]?.string
        self.key = key
    }

    /// A signed statement (RFC 7523) of who asks for a token, and for what.
    ///
    /// - Parameter now: Seconds since 1970.
    package func assertion(scope: String, now: Int) throws(Failure) -> Secret {
        let header = JSONValue.object([
            "alg": .string("RS256"), "typ": .string("JWT"), "kid": keyID.map { .string($0) },
        ])
        let claims = JSONValue.object([
            "iss": .string(email), "scope": .string(scope), "aud": .string(tokenURL), "iat": .int(now),
            "exp": .int(now.capped(adding: Self.lifetime)),
        ])
        let text = Self.encode(Array(header.text.utf8)) + "." + Self.encode(Array(claims.text.utf8))
        let digest = SHA256.hash(data: Array(text.utf8))
        // RS256 is what Google takes.
        guard let signature = try? key.signature(for: digest, padding: .insecurePKCS1v1_5) else {
            throw Failure(.auth, detail: "the service account's key does not sign")
        }
        return Secret(text + "." + Self.encode(Array(signature.rawRepresentation)))
    }

    /// Base64 for URLs, without padding (RFC 7515 §2).
    private static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for byte in Base64.encode(bytes).utf8 {
            switch byte {
            case UInt8(ascii: "+"): text.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): text.append(UInt8(ascii: "_"))
            case UInt8(ascii: "="): break
            default: text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Why a service account cannot be used; for the operator.
package struct GoogleCredentialError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
