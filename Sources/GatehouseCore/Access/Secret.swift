/// A value that must not be seen: a key, a token, a password.
///
/// It cannot be printed, described, mirrored or encoded; `reveal()` is the one way out, easy to search for.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    /// The plain value. Call it only where it leaves for its destination, or to compare it.
    package func reveal() -> String { value }

    package var isEmpty: Bool { value.isEmpty }
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
