import GatehouseCore
import Glibc

/// Looks through a folder without following any link: each step is taken from the descriptor of the one before.
struct FolderWalk {
    private static let depth = 16
    /// Entries that are looked at; what comes behind is not seen.
    private static let entries = 20_000

    /// What was found and is no plain file, and what was not looked at.
    private(set) var refused = 0
    private var left = entries

    /// Calls `visit` for each plain file with its path below `folder`, and the descriptor and the name to open it by.
    mutating func files(in folder: String, _ visit: (_ path: String, _ parent: Int32, _ name: String, stat) -> Void) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        walk(descriptor, path: "", depth: 0, visit)
    }

    /// Closes `descriptor`. Bounded by `depth`.
    private mutating func walk(
        _ descriptor: Int32, path: String, depth: Int, _ visit: (String, Int32, String, stat) -> Void
    ) {
        guard let directory = fdopendir(descriptor) else {
            close(descriptor)
            return
        }
        defer { closedir(directory) }
        for name in Self.names(directory, atMost: left).sorted() {
            guard left > 0 else {
                refused += 1
                return
            }
            left -= 1
            var status = stat()
            guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            let below = path.isEmpty ? name : path + "/" + name
            switch status.st_mode & S_IFMT {
            case S_IFREG: visit(below, descriptor, name, status)
            case S_IFDIR where depth < Self.depth:
                let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                if child >= 0 { walk(child, path: below, depth: depth + 1, visit) } else { refused += 1 }
            default: refused += 1
            }
        }
    }

    private static func names(_ directory: OpaquePointer, atMost limit: Int) -> [String] {
        var names: [String] = []
        while names.count <= limit, let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                Array(bytes.prefix { $0 != 0 })
            }
            // A name that is no text cannot be opened by what it is decoded to, and is not offered either.
            guard let text = String(validating: name, as: UTF8.self), text != ".", text != ".." else { continue }
            names.append(text)
        }
        return names
    }

    static func mark(_ status: stat) -> FolderSnapshot.Mark {
        // The time of the last change of any kind: unlike that of the content it cannot be set.
        let time = status.st_ctim
        return FolderSnapshot.Mark(
            inode: UInt64(status.st_ino), size: Int(status.st_size),
            changed: Int(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int(time.tv_nsec))
    }
}
