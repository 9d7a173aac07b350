package import GatehouseCore
import Glibc
package import NIOCore
import Synchronization

/// Where a sink's thread puts what was gathered. Used by one thread at a time; it may block.
package protocol LogOutput: AnyObject, Sendable {
    /// Takes whole lines. `false` when some of them are lost.
    func write(_ lines: [UInt8]) -> Bool
    /// After somebody moved the file away.
    func reopen()
}

/// Takes rendered lines from any thread and has one thread of its own write them in batches.
///
/// A call costs a short lock and a copy, never a system call on a busy gateway: the thread is woken when the first line
/// comes, gathers for `latency`, and writes all of it at once. When lines come faster than the output takes them they
/// are dropped and counted, and the count is written as soon as there is room.
package final class LogSink: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isUrgent = false
        var mustReopen = false
        var isClosed = false
        /// Batches taken so far, and batches on the disk.
        var taken = 0
        var written = 0
        var waiting: [(batch: Int, semaphore: Semaphore)] = []
    }

    private let state = Mutex(State())
    private let wake = Semaphore()
    private let ended = Semaphore()
    private let lost = Atomic<Int>(0)
    private let output: any LogOutput
    private let capacity: Int
    private let latency: Duration
    private let droppedLine: @Sendable (Int) -> [UInt8]

    /// - Parameters:
    ///   - capacity: Bytes that may wait.
    ///   - latency: How long lines are gathered.
    ///   - droppedLine: Says in a line of its own how many lines are missing in its place.
    package init(
        _ output: any LogOutput, capacity: Int = 8 << 20, latency: Duration = .milliseconds(20),
        droppedLine: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.output = output
        self.capacity = capacity
        self.latency = latency
        self.droppedLine = droppedLine
        state.withLock { $0.pending.reserveCapacity(64 << 10) }
        DetachedThread.start("log-writer") { [self] in run() }
    }

    /// Lines that were not written, since the start.
    package var droppedLines: Int { lost.load(ordering: .relaxed) }

    // MARK: From any thread

    /// - Parameter line: With its newline.
    package func write(_ line: ByteBuffer) {
        line.withUnsafeReadableBytes { append($0) }
    }

    /// - Parameter line: With its newline.
    package func write(_ line: [UInt8]) {
        line.withUnsafeBytes { append($0) }
    }

    /// - Parameter line: With its newline.
    package func write(_ line: borrowing TextWriter) {
        line.withBytes { append($0) }
    }

    private func append(_ line: UnsafeRawBufferPointer) {
        let mustWake = state.withLock { state in
            guard !state.isClosed else {
                lost.add(1, ordering: .relaxed)
                return false
            }
            guard state.pending.count + line.count <= capacity else {
                state.dropped += 1
                return false
            }
            let wasEmpty = state.pending.isEmpty
            state.pending.append(contentsOf: line)
            let isFilling = !state.isUrgent && state.pending.count > capacity / 4
            if isFilling { state.isUrgent = true }
            return wasEmpty || isFilling
        }
        if mustWake { wake.post() }
    }

    /// Has the output opened anew, behind what was written before; for tools that move log files.
    package func reopen() {
        state.withLock { state in
            state.mustReopen = true
            state.isUrgent = true
        }
        wake.post()
    }

    /// Returns when all that was written before has reached the output, or after `timeout`, `false`. It blocks: not for
    /// event loops.
    @discardableResult
    package func flush(timeout: Duration = .seconds(5)) -> Bool {
        let done = Semaphore()
        let isIdle = state.withLock { state in
            if state.pending.isEmpty, state.dropped == 0, !state.mustReopen, state.taken == state.written {
                return true
            }
            if state.isClosed { return true }
            state.isUrgent = true
            let hasMore = !state.pending.isEmpty || state.dropped > 0 || state.mustReopen
            state.waiting.append((hasMore ? state.taken + 1 : state.taken, done))
            return false
        }
        if isIdle { return true }
        wake.post()
        return done.wait(timeout: timeout)
    }

    /// Writes what is there and ends the thread; lines that come later are dropped. For the end of the process.
    package func close(timeout: Duration = .seconds(5)) {
        flush(timeout: timeout)
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        wake.post()
        _ = ended.wait(timeout: timeout)
    }

    // MARK: The thread

    private func run() {
        var batch: [UInt8] = []
        while true {
            wake.wait()
            if !state.withLock({ $0.isUrgent || $0.isClosed }) { _ = wake.wait(timeout: latency) }
            let (dropped, mustReopen, isClosed) = take(&batch)
            if dropped > 0 { batch += droppedLine(dropped) }
            if !batch.isEmpty, !output.write(batch) {
                lost.add(batch.count { $0 == 0x0A }, ordering: .relaxed)
            }
            if mustReopen { output.reopen() }
            batch.removeAll(keepingCapacity: batch.capacity <= 1 << 20)
            finish()
            if isClosed { break }
        }
        ended.post()
    }

    private func take(_ batch: inout [UInt8]) -> (dropped: Int, mustReopen: Bool, isClosed: Bool) {
        let result = state.withLock { state in
            swap(&state.pending, &batch)
            defer {
                state.dropped = 0
                state.isUrgent = false
                state.mustReopen = false
                state.taken += 1
            }
            return (state.dropped, state.mustReopen, state.isClosed)
        }
        lost.add(result.0, ordering: .relaxed)
        return result
    }

    private func finish() {
        let ready = state.withLock { state in
            state.written = state.taken
            let ready = state.waiting.filter { $0.batch <= state.written }
            state.waiting.removeAll { $0.batch <= state.written }
            return ready
        }
        for waiter in ready { waiter.semaphore.post() }
    }
}
