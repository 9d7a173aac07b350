import GatehouseEngine
import Glibc

/// Reads small text files that an operator names.
enum TextFile {
    /// Far more than any configuration or secret.
    static let limit = 1 << 20

    /// The text, or why it cannot be had, as a clause.
    static func read(_ path: String) -> Result<String, ConfigurationEnvironment.FileProblem> {
        guard !path.isEmpty, !path.utf8.contains(0) else { return .failure(.init("has no usable path")) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(.init("cannot be read: \(reason())")) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                return .failure(.init("cannot be read: \(reason())"))
            }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else { return .failure(.init("is larger than \(SizeText.write(limit))")) }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .failure(.init("is not UTF-8")) }
        return .success(text)
    }

    private static func reason() -> String {
        let number = errno
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
