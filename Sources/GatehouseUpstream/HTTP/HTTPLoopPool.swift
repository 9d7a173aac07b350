import GatehouseCore
import NIOCore

/// The connections of one event loop to one origin. Confined to that loop, so that it needs no lock and a call never
/// changes threads.
///
/// Deadlines are looked at ten times a second instead of being scheduled for each request: a timer per request costs
/// more than all else here.
final class HTTPLoopPool {
    static let ticksPerSecond = 10
    /// Ticks a connection may rest before it is closed; below the usual limits of servers (60 s and more).
    private static let idleTicks = 50 * ticksPerSecond
    /// Connections that rest at most: more than a burst leaves behind is not worth its sockets.
    static let maximumIdle = 256

    let eventLoop: any EventLoop
    private let open: (HTTPLoopPool, ConnectionWaiter) -> Void
    /// Connections that are being made at most: a provider that accepts nothing must not take all sockets.
    private let maximumMaking: Int
    private let isTight: () -> Bool
    private var idle: [HTTPConnection] = []
    private var unsent: [HTTPAttempt] = []
    private var spare: [HTTPAttempt] = []
    /// So many that the first of them does not wait for long.
    private static let mostUnsent = 32
    /// What runs, each at its own `place`.
    private var attempts: [HTTPAttempt] = []
    private var queue = ConnectionQueue()
    private var isTicking = false
    private var isRetired = false
    /// Grows by one each tick.
    private(set) var tick = 0

    convenience init(eventLoop: any EventLoop, connector: HTTPConnector) {
        self.init(eventLoop: eventLoop, maximumMaking: connector.maximumMaking, isTight: { connector.isTight }) {
            connector.connect(pool: $0, $1)
        }
    }

    /// - Parameters:
    ///   - maximumMaking: Connections that are being made at a time.
    ///   - isTight: Connections should not rest now.
    ///   - open: Makes a connection and tells the waiter, not before it returns.
    init(
        eventLoop: any EventLoop, maximumMaking: Int = SocketBudget.fewest, isTight: @escaping () -> Bool = { false },
        open: @escaping (HTTPLoopPool, ConnectionWaiter) -> Void
    ) {
        self.eventLoop = eventLoop
        self.maximumMaking = maximumMaking
        self.isTight = isTight
        self.open = open
    }

    var restingChannels: [any Channel] { idle.compactMap(\.channel) }
    /// Attempts that wait for a connection, and connections that are being made.
    var waitingCounts: (attempts: Int, making: Int) { (queue.count, queue.making) }

    /// Finds or makes a connection for `attempt`, when the loop is done with the events of this turn: by then it knows which
    /// connections have ended, and requests that go out one behind the other wake the provider's host once.
    func start(_ attempt: HTTPAttempt) {
        attempt.place = attempts.count
        attempts.append(attempt)
        startTicking()
        unsent.append(attempt)
        if unsent.count >= Self.mostUnsent { return sendAll() }
        guard unsent.count == 1 else { return }
        eventLoop.assumeIsolated().execute { self.sendAll() }
    }

    private func sendAll() {
        // Both lists keep their memory.
        var sending: [HTTPAttempt] = []
        swap(&sending, &spare)
        swap(&sending, &unsent)
        for attempt in sending where !attempt.isOver {
            if let connection = popIdle() {
                attempt.connected(connection)
            } else if !queue.join(attempt), queue.making < maximumMaking {
                connect(attempt)
            }
        }
        sending.removeAll(keepingCapacity: true)
        swap(&sending, &spare)
    }

    private func popIdle() -> HTTPConnection? {
        while let connection = idle.popLast() {
            connection.slot = -1
            guard connection.isUsable else { continue }
            guard connection.isStale else { return connection }
            connection.close()
        }
        return nil
    }

    /// Makes a connection of its own for `attempt`.
    func connect(_ attempt: HTTPAttempt) {
        let making = queue.begin(for: attempt)
        open(self, ConnectionWaiter { self.connected(making, $0) })
    }

    private func connected(_ making: ConnectionQueue.Making, _ result: Result<HTTPConnection, Failure>) {
        let isAdopted = making.isAdopted
        switch (queue.end(making), result) {
        case (let owner?, .success(let connection)):
            queue.leave(owner)
            owner.connected(connection)
        case (nil, .success(let connection)): release(connection)
        case (let owner?, .failure) where isAdopted: connect(owner)
        case (let owner?, .failure(let failure)): owner.connectionFailed(failure)
        case (nil, .failure): break
        }
        while queue.making < maximumMaking, let next = queue.nextWithout { connect(next) }
    }

    /// Takes a connection back: for whoever waits, else to rest.
    func release(_ connection: HTTPConnection) {
        guard connection.isUsable else { return connection.close() }
        if queue.count > 0 {
            guard !connection.isStale else { return connection.close() }
            if let next = queue.next() { return next.connected(connection) }
        }
        guard !isRetired, idle.count < Self.maximumIdle, !isTight() else { return connection.close() }
        connection.idleSince = tick
        connection.slot = idle.count
        idle.append(connection)
        startTicking()
    }

    /// A connection has closed.
    func forget(_ connection: HTTPConnection) {
        let slot = connection.slot
        guard idle.indices.contains(slot), idle[slot] === connection else { return }
        idle.remove(at: slot)
        for index in slot..<idle.count { idle[index].slot = index }
        connection.slot = -1
    }

    func ended(_ attempt: HTTPAttempt) {
        queue.leave(attempt)
        let place = attempt.place
        guard attempts.indices.contains(place), attempts[place] === attempt, let last = attempts.popLast() else {
            return
        }
        if last !== attempt {
            attempts[place] = last
            last.place = place
        }
        attempt.place = -1
    }

    /// Closes what rests, and from now on what comes back; for a reload that drops the provider.
    func retire() {
        isRetired = true
        let resting = idle
        idle = []
        for connection in resting { connection.close() }
    }

    private func startTicking() {
        guard !isTicking else { return }
        isTicking = true
        scheduleTick()
    }

    private func scheduleTick() {
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(1000 / Self.ticksPerSecond))) { self.onTick() }
    }

    private func onTick() {
        tick &+= 1
        for attempt in attempts { attempt.check(tick: tick) }
        for connection in idle where tick - connection.idleSince >= min(Self.idleTicks, connection.idleLimit ?? .max) {
            connection.close()
        }
        isTicking = !attempts.isEmpty || !idle.isEmpty
        if isTicking { scheduleTick() }
    }
}
