import Glibc

/// The directory that holds everything this gateway keeps.
package struct DataDirectory: Sendable, Equatable {
    /// Absolute, without symbolic links.
    package let path: String

    /// The directory at `path`, made with mode 0700 when there is none, together with those above it.
    ///
    /// Refuses one that others can enter, since it holds keys.
    package static func prepare(_ path: String) throws(StoreError) -> DataDirectory {
        try make(path)
        try inspect(path)
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw StoreError(.io, subject(path), "cannot be used: \(PrivateFile.reason())")
        }
        guard let resolved = realpath(path, nil) else {
            throw StoreError(.io, subject(path), "cannot be resolved: \(PrivateFile.reason())")
        }
        defer { free(resolved) }
        return DataDirectory(path: String(cString: resolved))
    }

    /// Looks without making anything; one that is not there yet is fine.
    package static func inspect(_ path: String) throws(StoreError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw StoreError(.io, subject(path), "cannot be inspected: \(PrivateFile.reason())")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(.unsafe, subject(path), "is not a directory")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = PrivateFile.octal(status.st_mode)
            throw StoreError(
                .unsafe, subject(path), "lets group or others in (mode \(mode)); run chmod 700 on it, or choose another"
            )
        }
    }

    private static func subject(_ path: String) -> String { "data directory \(path)" }

    private static func make(_ path: String) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StoreError(.unsafe, "data directory", "its path is empty or holds NUL")
        }
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            if mkdir(prefix, 0o700) == 0 || errno == EEXIST { continue }
            let reason = PrivateFile.reason()
            // A directory above may be of a read-only file system and there all the same.
            var status = stat()
            if stat(prefix, &status) == 0 { continue }
            throw StoreError(.io, subject(path), "cannot be made at \(prefix): \(reason)")
        }
    }
}
