import Glibc
import Synchronization

/// A few threads for what blocks, which are there only while there is something to do.
final class BlockingWorkers: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let name: String
    private let limit: Int

    init(_ name: String, limit: Int) {
        self.name = name
        self.limit = limit
    }

    /// Runs `job` on a thread, once one is free. `false` when there is none and none can be made.
    ///
    /// Whoever submits sees to it that not too much waits.
    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let mustStart = state.withLock { state in
            state.jobs.append(job)
            guard state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        return !mustStart || start()
    }

    private func start() -> Bool {
        let own = Unmanaged.passRetained(self)
        var thread = pthread_t()
        guard pthread_create(&thread, nil, runBlockingWorker, own.toOpaque()) == 0 else {
            own.release()
            // Another thread takes what waits, if there is one.
            return state.withLock { state in
                state.threads -= 1
                if state.threads == 0 { state.jobs = [] }
                return state.threads > 0
            }
        }
        pthread_detach(thread)
        return true
    }

    fileprivate func work() {
        nameThisThread()
        while let job = next() { job() }
    }

    /// For `top` and debuggers; nothing depends on it.
    private func nameThisThread() {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if state.jobs.isEmpty {
                state.threads -= 1
                return nil
            }
            return state.jobs.removeFirst()
        }
    }
}

private func runBlockingWorker(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<BlockingWorkers>.fromOpaque(argument).takeRetainedValue().work()
    return nil
}
