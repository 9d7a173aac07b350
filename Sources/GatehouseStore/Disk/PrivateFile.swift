import Glibc

/// Small files for this user's eyes only.
enum PrivateFile {
    /// The words of the system for its last error.
    static func reason(_ number: Int32 = errno) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        return strerror_r(number, &buffer, buffer.count) == 0
            ? String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            : "error \(number)"
    }

    static func octal(_ mode: mode_t) -> String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    /// The content of a regular file that nobody else may touch; `nil` when there is none.
    static func read(_ path: String, limit: Int) throws(StoreError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            let hint =
                errno == ELOOP ? "is a symbolic link; put the file itself there" : "cannot be opened: \(reason())"
            throw StoreError(errno == ELOOP ? .unsafe : .io, path, hint)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StoreError(.io, path, "cannot be inspected: \(reason())") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw StoreError(.unsafe, path, "is not a regular file") }
        guard status.st_mode & 0o077 == 0 else {
            let mode = octal(status.st_mode)
            throw StoreError(.unsafe, path, "lets group or others at it (mode \(mode)); run chmod 600 on it")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw StoreError(.io, path, "cannot be read: \(reason())")
            }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else { throw StoreError(.unsafe, path, "is larger than \(limit) bytes") }
        }
    }

    /// Puts a file of mode 0600 with its whole content at `path`, safe on the disk; `false` when one is there already.
    ///
    /// A link from a finished file is what makes it appear: neither a crash nor a second process can leave or see half.
    static func create(_ path: String, in directory: String, content: [UInt8]) throws(StoreError) -> Bool {
        let draft = "\(path).\(getpid()).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StoreError(.io, draft, "cannot be created: \(reason())") }
        defer { unlink(draft) }
        do throws(StoreError) {
            try write(content, to: descriptor, path: draft)
        } catch {
            close(descriptor)
            throw error
        }
        guard close(descriptor) == 0 else { throw StoreError(.io, draft, "cannot be closed: \(reason())") }
        guard link(draft, path) == 0 else {
            if errno == EEXIST { return false }
            throw StoreError(.io, path, "cannot be created: \(reason())")
        }
        try sync(directory)
        return true
    }

    private static func write(_ content: [UInt8], to descriptor: Int32, path: String) throws(StoreError) {
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw StoreError(.io, path, "cannot be written: \(reason())")
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw StoreError(.io, path, "cannot be written: \(reason())") }
    }

    static func sync(_ directory: String) throws(StoreError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreError(.io, directory, "cannot be opened: \(reason())") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw StoreError(.io, directory, "cannot be written: \(reason())") }
    }
}
