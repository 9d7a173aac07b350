/// What is wrong with something that is kept.
package struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// It is not safe to use as it is; an operator has to change it.
        case unsafe
        /// The system would not let it be read or written.
        case io
        /// A newer version of this program wrote it.
        case newer
    }

    package var code: Code
    /// The setting or the path at fault.
    package var subject: String
    /// What is wrong and what to do. It holds no secret.
    package var message: String

    package init(_ code: Code, _ subject: String, _ message: String) {
        self.code = code
        self.subject = subject
        self.message = message
    }

    /// One line.
    package var description: String { "\(subject): \(message)" }
}
