// Guarded by nobody changing the environment: `environ` is read once, at the start.
@preconcurrency import Glibc

/// The variables of this process.
enum ProcessEnvironment {
    /// A copy. Nothing in this process changes its environment.
    static func variables() -> [String: String] {
        var variables: [String: String] = [:]
        var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
        while let pointer = next, let entry = pointer.pointee {
            let text = String(cString: entry)
            if let mark = text.firstIndex(of: "=") {
                variables[String(text[..<mark])] = String(text[mark...].dropFirst())
            }
            next = pointer + 1
        }
        return variables
    }
}
