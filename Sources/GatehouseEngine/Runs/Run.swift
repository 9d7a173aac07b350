package import GatehouseCore
package import NIOCore
import Synchronization

/// A call that goes on without its caller: its events, those who follow them, and what ends it.
package final class Run: Sendable {
    /// Events that came one behind the other.
    package struct Batch: Sendable {
        package var bytes = ByteBuffer()
        package var last = 0
        /// Nothing comes behind them.
        package var isEnd = false
    }

    private struct State {
        var record: RunRecord
        /// The events that are here, the oldest first.
        var tail = CircularBuffer<(number: Int, event: ByteBuffer)>()
        var tailSize = 0
        /// Those that are not handed to the store yet.
        var unkept = ByteBuffer()
        var firstUnkept = 1
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
        /// As what it is to end, where it is ended from outside.
        var verdict: RunRecord.Status?
        var cancel: (@Sendable () -> Void)?
    }

    /// Bytes of events that are here as well as in the store, and bytes that are handed to it at once.
    private static let tail = 256 << 10
    private static let piece = 4 << 10

    package let id: String
    package let owner: String
    private let store: any RunStore
    private let state: Mutex<State>

    /// One that is over.
    package convenience init(kept record: RunRecord, store: any RunStore) {
        var record = record
        // What goes on is with the service that runs it.
        if record.status == .running { record.status = .interrupted }
        self.init(record, store: store)
    }

    init(_ record: RunRecord, store: any RunStore) {
        id = record.id
        owner = record.owner
        self.store = store
        state = Mutex(State(record: record))
    }

    package var record: RunRecord { state.withLock { $0.record } }

    /// Whether its answer is whole.
    var lastIsFinish: Bool {
        let last = state.withLock { $0.tail.last?.event }
        return last.flatMap(NumberedEvents.fields)?.name == "finished"
    }

    // MARK: What happens

    /// Adds whole events.
    func add(_ bytes: ByteBuffer) {
        let events = NumberedEvents.split(bytes)
        guard let last = events.last?.number else { return }
        let (piece, waiters) = state.withLock { state in
            guard state.record.status == .running else { return (nil as Piece?, [CheckedContinuation<Void, Never>]()) }
            for event in events {
                state.tail.append(event)
                state.tailSize += event.event.readableBytes
                state.unkept.writeImmutableBuffer(event.event)
            }
            state.record.last = last
            return (state.unkept.readableBytes >= Self.piece ? Self.takePiece(&state) : nil, Self.wake(&state))
        }
        keep(piece)
        for waiter in waiters { waiter.resume() }
    }

    private struct Piece {
        var bytes: ByteBuffer
        var numbers: ClosedRange<Int>
    }

    private static func takePiece(_ state: inout State) -> Piece? {
        guard state.unkept.readableBytes > 0, state.firstUnkept <= state.record.last else { return nil }
        let piece = Piece(bytes: state.unkept, numbers: state.firstUnkept...state.record.last)
        state.unkept = ByteBuffer()
        state.firstUnkept = state.record.last + 1
        while state.tailSize > tail, let oldest = state.tail.first, oldest.number < state.firstUnkept {
            state.tail.removeFirst()
            state.tailSize -= oldest.event.readableBytes
        }
        return piece
    }

    private func keep(_ piece: Piece?) {
        guard let piece else { return }
        store.append(piece.bytes, numbers: piece.numbers, to: id)
    }

    /// What is not in the store yet goes there. To be called now and then: a crash takes only what came since.
    func save() {
        keep(state.withLock { Self.takePiece(&$0) })
    }

    /// The last word. Later ones are not heard.
    ///
    /// - Parameter onKept: Called once the store has it all.
    func end(_ status: RunRecord.Status, at time: Int, onKept: @escaping @Sendable () -> Void) {
        let (piece, record, waiters) = state.withLock { state in
            guard state.record.status == .running else { return (nil as Piece?, nil as RunRecord?, Self.none) }
            state.record.status = state.verdict ?? status
            state.record.ended = time
            state.cancel = nil
            return (Self.takePiece(&state), state.record, Self.wake(&state))
        }
        guard let record else { return }
        keep(piece)
        store.end(record, onEnd: onKept)
        for waiter in waiters { waiter.resume() }
    }

    private static let none: [CheckedContinuation<Void, Never>] = []

    private static func wake(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        defer { state.waiters.removeAll() }
        return Array(state.waiters.values)
    }

    // MARK: Ending it from outside

    /// - Parameter cancel: Ends the call; called from any thread, once at most.
    func onCancel(_ cancel: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if state.record.status == .running { state.cancel = cancel }
            return state.verdict != nil
        }
        if isLate { cancel() }
    }

    /// Ends the call, where it still goes on.
    ///
    /// - Parameter verdict: `cancelled`, `failed` where the key it runs for has ended, or `interrupted`.
    package func cancel(as verdict: RunRecord.Status = .cancelled) {
        let cancel = state.withLock { state in
            guard state.record.status == .running else { return nil as (@Sendable () -> Void)? }
            state.verdict = state.verdict ?? verdict
            defer { state.cancel = nil }
            return state.cancel
        }
        cancel?()
    }

    var verdict: RunRecord.Status? { state.withLock { $0.verdict } }

    /// Ends the call and waits until it has ended.
    package func cancelAndWait() async {
        cancel()
        while state.withLock({ $0.record.status == .running }), !Task.isCancelled {
            await wait(behind: state.withLock { $0.record.last })
        }
    }

    // MARK: Following it

    /// All that happened up to now.
    package func all() async throws(GatehouseError) -> [ByteBuffer] {
        var events: [ByteBuffer] = []
        let end = record.last
        var last = 0
        while last < end {
            let batch = try await next(after: last)
            if batch.isEnd { break }
            events += NumberedEvents.split(batch.bytes).map(\.event)
            last = batch.last
        }
        return events
    }

    /// The events behind number `last`; waits until there are some, or none will come any more.
    package func next(after last: Int) async throws(GatehouseError) -> Batch {
        while !Task.isCancelled {
            switch state.withLock({ Self.look($0, last) }) {
            case .batch(let batch): return batch
            case .store:
                if let (bytes, end) = try await store.events(of: id, after: last) {
                    return Batch(bytes: NumberedEvents.after(last, in: bytes), last: end)
                }
                // What is not there is here by now, or nowhere.
                guard let first = state.withLock({ $0.tail.first?.number }), first > last + 1 else {
                    return Batch(last: last, isEnd: true)
                }
                return try await next(after: first - 1)
            case .wait: await wait(behind: last)
            }
        }
        return Batch(last: last, isEnd: true)
    }

    private enum Look {
        case batch(Batch)
        /// They are not here any more.
        case store
        case wait
    }

    private static func look(_ state: State, _ last: Int) -> Look {
        guard last < state.record.last else {
            return state.record.status == .running ? .wait : .batch(Batch(last: last, isEnd: true))
        }
        guard let first = state.tail.first?.number, first <= last + 1 else { return .store }
        var batch = Batch(last: state.record.last)
        for (number, event) in state.tail where number > last { batch.bytes.writeImmutableBuffer(event) }
        return .batch(batch)
    }

    private func wait(behind last: Int) async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.record.last > last || state.record.status != .running || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}
