import GatehouseCore
import Glibc

/// The folder of a run in which an agent finds the files it is given.
///
/// An agent that may write its workspace can put a link in any place of it. So nothing here goes by a path: each step is
/// opened beneath the one before, and links are not followed.
struct FileFolder: Sendable {
    static let name = "files"
    /// Where it is seen when the workspace is not the run's own.
    static let besideWorkspace = "/run/gatehouse/files"

    /// A folder of the gateway's own.
    private let parent: String

    /// - Parameter parent: Of the run: no agent can replace it.
    init(in parent: String) {
        self.parent = parent
    }

    /// Puts files there, each for its owner to read and not to write. One that is there already stays.
    ///
    /// - Throws: `Failure` `.input` for a file that is no more, `.spawn` when the disk refuses.
    func place(_ files: [AgentFile]) throws(Failure) {
        guard !files.isEmpty else { return }
        let folder = try opened(making: true)
        defer { close(folder) }
        for file in files { try place(file, in: folder) }
    }

    func remove(_ files: [AgentFile]) {
        guard !files.isEmpty, let folder = try? opened(making: false) else { return }
        defer { close(folder) }
        for file in files { unlinkat(folder, file.name, 0) }
    }

    private func opened(making: Bool) throws(Failure) -> CInt {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let above = open(parent, flags)
        guard above >= 0 else { throw Self.refused("\(parent)") }
        defer { close(above) }
        if making, mkdirat(above, Self.name, 0o700) != 0, errno != EEXIST { throw Self.refused(Self.name) }
        let folder = openat(above, Self.name, flags)
        guard folder >= 0 else { throw Self.refused(Self.name) }
        return folder
    }

    private func place(_ file: AgentFile, in folder: CInt) throws(Failure) {
        let place = openat(folder, file.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o400)
        if place < 0, errno == EEXIST { return }
        guard place >= 0 else { throw Self.refused(file.name) }
        defer { close(place) }
        do throws(Failure) {
            switch file.content {
            case .bytes(let bytes): try Self.write(bytes[...], place)
            case .kept(let path): try Self.copy(path, to: place)
            }
        } catch {
            unlinkat(folder, file.name, 0)
            throw error
        }
    }

    private static func copy(_ path: String, to place: CInt) throws(Failure) {
        let source = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard source >= 0 else { throw Failure(.input, detail: "a file that was given is there no more") }
        defer { close(source) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(source, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw refused(path) }
            if count == 0 { return }
            try write(buffer[..<count], place)
        }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, _ place: CInt) throws(Failure) {
        var left = bytes
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.write(place, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw refused("a file for an agent") }
            left = left.dropFirst(count)
        }
    }

    private static func refused(_ what: String) -> Failure {
        Failure(.spawn, detail: "\(what): \(String(cString: strerror(errno)))".bounded)
    }
}
