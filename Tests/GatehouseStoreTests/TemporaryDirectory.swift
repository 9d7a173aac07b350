import Glibc

/// A directory of one test, gone with it.
final class TemporaryDirectory: Sendable {
    let path: String

    private static var parent: String {
        getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    }

    init() throws {
        var template = Array("\(Self.parent)/gatehouse-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failed(errno: errno) }
        path = String(cString: made)
    }

    struct Failed: Error {
        var errno: Int32
    }

    deinit {
        remove(path)
    }

    private func remove(_ path: String) {
        var status = stat()
        // A link is removed, never what it leads to.
        let isFolder = lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        if isFolder, let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(cString: Array($0.prefix { $0 != 0 }) + [0])
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    func write(_ text: String, to name: String, mode: mode_t = 0o600) {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode)
        text.withCString { _ = Glibc.write(descriptor, $0, strlen($0)) }
        fchmod(descriptor, mode)
        close(descriptor)
    }

    func mode(of name: String) -> mode_t? {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(cString: Array($0.prefix { $0 != 0 }) + [0]) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
