import Glibc
import Synchronization

/// A log file that is put aside when it has grown, or the standard error of this process.
package final class LogFile: LogOutput {
    private struct State {
        var descriptor: Int32
        var size: Int
        /// Devices and pipes have no size, and must never be renamed.
        var isRegular: Bool
    }

    private let state: Mutex<State>
    /// `nil` for a descriptor that is somebody else's.
    private let path: String?
    private let maxSize: Int
    private let keep: Int

    /// Why a file cannot be used.
    package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        package var path: String
        package var number: Int32

        package var description: String { "\(path): cannot be opened for writing (error \(number))" }
    }

    /// Appends to the file at `path`, made with mode 0600 when it is not there.
    ///
    /// - Parameters:
    ///   - maxSize: Bytes after which it becomes `path.1`, at the end of a line; `path.1` becomes `path.2`, and so on.
    ///   - keep: Files put aside that are kept.
    package init(path: String, maxSize: Int, keep: Int) throws(Problem) {
        let opened = Self.open(path)
        guard let opened else { throw Problem(path: path, number: errno) }
        self.path = path
        self.maxSize = maxSize
        self.keep = keep
        state = Mutex(opened)
    }

    /// Writes to an open descriptor, which stays open.
    package init(descriptor: Int32) {
        path = nil
        maxSize = .max
        keep = 0
        state = Mutex(State(descriptor: descriptor, size: 0, isRegular: false))
    }

    deinit {
        if path != nil { state.withLock { _ = close($0.descriptor) } }
    }

    package func write(_ lines: [UInt8]) -> Bool {
        state.withLock { state in
            var rest = lines[...]
            var isWhole = true
            while !rest.isEmpty {
                let part = state.isRegular ? fitting(rest, size: state.size) : rest
                if part.isEmpty {
                    rotate(&state)
                    continue
                }
                isWhole = Self.writeAll(part, to: state.descriptor) && isWhole
                // A lost part counts as well, or a full disk would be rotated away line by line.
                if state.isRegular { state.size += part.count }
                rest = rest[part.endIndex...]
            }
            return isWhole
        }
    }

    package func reopen() {
        guard let path else { return }
        state.withLock { state in
            guard let opened = Self.open(path) else { return }
            close(state.descriptor)
            state = opened
        }
    }

    /// The whole lines that the file still takes: none when it must be put aside first, always one in an empty file.
    private func fitting(_ lines: ArraySlice<UInt8>, size: Int) -> ArraySlice<UInt8> {
        let room = max(0, maxSize - size)
        if lines.count <= room { return lines }
        if let last = lines.prefix(room).lastIndex(of: 0x0A) { return lines[...last] }
        if size > 0 { return [] }
        return lines[...(lines.firstIndex(of: 0x0A) ?? lines.index(before: lines.endIndex))]
    }

    private func rotate(_ state: inout State) {
        guard let path else { return }
        for number in stride(from: keep - 1, through: 1, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        // Where it cannot be moved it goes on growing: better than losing what is in it.
        guard keep > 0, rename(path, "\(path).1") == 0, let opened = Self.open(path) else {
            state.size = 0
            return
        }
        close(state.descriptor)
        state = opened
    }

    private static func open(_ path: String) -> State? {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            return nil
        }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        return State(descriptor: descriptor, size: isRegular ? Int(status.st_size) : 0, isRegular: isRegular)
    }

    private static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EINTR {
                continue
            } else if count < 0, errno == EAGAIN {
                // Somebody shares the terminal or the pipe and made it non-blocking.
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard Glibc.poll(&poll, 1, 1000) > 0 else { return false }
            } else {
                return false
            }
        }
        return true
    }
}
