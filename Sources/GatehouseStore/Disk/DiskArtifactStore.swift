import Crypto
package import GatehouseCore
import Glibc
import Synchronization

/// Artifacts as files below `artifacts` in the data directory: a folder for each owner, in it one for each session, in it the
/// files, flat, each under its own name made harmless. The folders' names are digests: no caller's word becomes a path.
package final class DiskArtifactStore: ArtifactStore {
    package struct Limits: Sendable {
        /// Bytes of one file, and of all that one run leaves.
        package var file: Int
        package var run: Int
        /// Files of one run.
        package var count: Int
        /// Bytes of all files of an owner.
        package var owner: Int
        /// Seconds that a file is kept.
        package var ttl: Int

        package init(file: Int, run: Int, count: Int, owner: Int, ttl: Int) {
            self.file = file
            self.run = run
            self.count = count
            self.owner = owner
            self.ttl = ttl
        }
    }

    private let root: String
    private let limits: Limits
    private let clock: @Sendable () -> Int
    private let onKept: @Sendable (ArtifactPlace) -> Void
    /// Guards the sum of an owner's files: one collection at a time.
    private let collecting = Mutex(())

    /// - Parameters:
    ///   - clock: Seconds since 1970.
    ///   - onKept: Called with a place in which something was kept.
    package init(
        directory: String, limits: Limits, clock: @escaping @Sendable () -> Int = { time(nil) },
        onKept: @escaping @Sendable (ArtifactPlace) -> Void = { _ in }
    ) {
        self.onKept = onKept
        self.root = directory + "/artifacts"
        self.limits = limits
        self.clock = clock
    }

    // MARK: Taking

    package func snapshot(of folder: String) -> FolderSnapshot {
        var snapshot = FolderSnapshot()
        var walk = FolderWalk()
        walk.files(in: folder) { path, _, _, status in snapshot.files[path] = FolderWalk.mark(status) }
        return snapshot
    }

    package func collect(
        _ folder: String, since snapshot: FolderSnapshot, for place: ArtifactPlace
    ) -> ArtifactHarvest {
        collecting.withLock { _ in
            var harvest = ArtifactHarvest()
            var bytes = 0
            var room: Int?
            var walk = FolderWalk()
            walk.files(in: folder) { path, parent, name, status in
                guard snapshot.files[path] != FolderWalk.mark(status) else { return }
                let size = Int(status.st_size)
                let free = room ?? max(0, limits.owner - sum(of: owner(place)))
                guard size >= 0, size <= limits.file, harvest.kept.count < limits.count, size <= limits.run - bytes,
                    size <= free, let target = ArtifactName.normalized(path),
                    let artifact = keep(target, from: parent, name, atMost: size, in: place)
                else {
                    harvest.refused += 1
                    return
                }
                bytes += artifact.size
                room = free - artifact.size
                harvest.kept.append(artifact)
            }
            harvest.refused += walk.refused
            if !harvest.kept.isEmpty { onKept(place) }
            return harvest
        }
    }

    /// Copies a file under its final name, whole or not at all.
    private func keep(
        _ name: String, from parent: Int32, _ source: String, atMost limit: Int, in place: ArtifactPlace
    ) -> Artifact? {
        let input = openat(parent, source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard input >= 0 else { return nil }
        defer { close(input) }
        var status = stat()
        guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG, let folder = make(place) else {
            return nil
        }
        let draft = folder + "/.new"
        unlink(draft)
        let output = Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard output >= 0 else { return nil }
        let copied = Self.copy(input, output, atMost: limit)
        let now = timespec(tv_sec: clock(), tv_nsec: 0)
        let isDated = futimens(output, [now, now]) == 0
        guard close(output) == 0, isDated, let copied,
            rename(draft, folder + "/" + ArtifactName.encoded(name)) == 0
        else {
            unlink(draft)
            return nil
        }
        return Artifact(name: name, size: copied, created: clock())
    }

    /// The bytes that were copied; `nil` when there are more than `limit`, or the disk refuses.
    private static func copy(_ input: Int32, _ output: Int32, atMost limit: Int) -> Int? {
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 128 << 10)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? total : nil }
            total += count
            guard total <= limit, write(output, buffer[..<count]) else { return nil }
        }
    }

    private static func write(_ file: Int32, _ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    // MARK: Giving

    package func list(_ place: ArtifactPlace) -> [Artifact] {
        var artifacts: [Artifact] = []
        var walk = FolderWalk()
        let oldest = clock() - limits.ttl
        walk.files(in: session(place)) { path, _, _, status in
            let created = Int(status.st_mtim.tv_sec)
            guard created > oldest, let name = ArtifactName.decoded(path) else { return }
            artifacts.append(Artifact(name: name, size: Int(status.st_size), created: created))
        }
        return artifacts.sorted { $0.name < $1.name }
    }

    package func open(_ name: String, in place: ArtifactPlace) -> (any FileContent)? {
        guard ArtifactName.normalized(name) == name else { return nil }
        let path = session(place) + "/" + ArtifactName.encoded(name)
        let file = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return nil }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            Int(status.st_mtim.tv_sec) > clock() - limits.ttl
        else {
            close(file)
            return nil
        }
        return DiskFileContent(file, size: Int(status.st_size), path: path)
    }

    // MARK: Removing

    package func remove(_ place: ArtifactPlace) {
        collecting.withLock { _ in
            var walk = FolderWalk()
            walk.files(in: session(place)) { _, parent, name, _ in unlinkat(parent, name, 0) }
            rmdir(session(place))
            rmdir(owner(place))
        }
    }

    /// Removes what is older than its time, and the folders that are empty then; gives how many files. To be called now and
    /// then.
    package func sweep() -> Int {
        collecting.withLock { _ in
            var removed = 0
            let oldest = clock() - limits.ttl
            for owner in Self.folders(in: root) {
                for session in Self.folders(in: owner) {
                    var walk = FolderWalk()
                    walk.files(in: session) { _, parent, name, status in
                        guard Int(status.st_mtim.tv_sec) <= oldest else { return }
                        if unlinkat(parent, name, 0) == 0 { removed += 1 }
                    }
                    rmdir(session)
                }
                rmdir(owner)
            }
            return removed
        }
    }

    // MARK: Places

    private func owner(_ place: ArtifactPlace) -> String { root + "/" + Self.digest(place.owner) }

    private func session(_ place: ArtifactPlace) -> String { owner(place) + "/" + Self.digest(place.session) }

    /// Half of a SHA-256: nobody finds two names with the same.
    private static func digest(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).prefix(16).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private func make(_ place: ArtifactPlace) -> String? {
        let folder = session(place)
        for path in [root, owner(place), folder] where mkdir(path, 0o700) != 0 && errno != EEXIST { return nil }
        return folder
    }

    private func sum(of owner: String) -> Int {
        var sum = 0
        for session in Self.folders(in: owner) {
            var walk = FolderWalk()
            walk.files(in: session) { _, _, _, status in sum += Int(status.st_size) }
        }
        return sum
    }

    private static func folders(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var folders: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { folders.append(path + "/" + name) }
        }
        return folders
    }
}
