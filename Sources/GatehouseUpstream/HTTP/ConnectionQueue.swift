import NIOCore

/// Attempts that wait for a connection, and the connections that are being made for them. Confined to its pool's loop.
///
/// Each attempt that waits has a connection made for it, up to a limit; whichever connection is free first serves whoever
/// has waited longest. What is being made for an attempt that has left is there for the next: callers that come and go
/// must not pile up sockets before a provider that accepts nothing.
struct ConnectionQueue {
    /// A connection that is being made.
    final class Making {
        /// For whom, while that one waits.
        fileprivate(set) var owner: HTTPAttempt?
        /// It was begun for another: that it fails says nothing of the time its owner has waited.
        fileprivate(set) var isAdopted = false
        fileprivate var isOver = false

        fileprivate init(_ owner: HTTPAttempt) { self.owner = owner }
    }

    private var waiting = CircularBuffer<HTTPAttempt>()
    /// How many of `waiting` have left.
    private var gone = 0
    private var orphans: [Making] = []
    /// Connections that are being made.
    private(set) var making = 0

    /// Attempts that wait.
    var count: Int { waiting.count - gone }

    /// Lets an attempt wait.
    ///
    /// - Returns: Whether a connection is being made for it already.
    mutating func join(_ attempt: HTTPAttempt) -> Bool {
        attempt.isQueued = true
        waiting.append(attempt)
        while let orphan = orphans.popLast() {
            guard !orphan.isOver else { continue }
            orphan.owner = attempt
            orphan.isAdopted = true
            attempt.making = orphan
            return true
        }
        return false
    }

    /// A connection for an attempt is begun.
    mutating func begin(for attempt: HTTPAttempt) -> Making {
        let new = Making(attempt)
        attempt.making = new
        making += 1
        return new
    }

    /// It is there, or it is not to be had.
    ///
    /// - Returns: For whom it was made, when that one still waits.
    mutating func end(_ ended: Making) -> HTTPAttempt? {
        making -= 1
        ended.isOver = true
        let owner = ended.owner
        ended.owner = nil
        owner?.making = nil
        return owner
    }

    /// An attempt waits no more.
    mutating func leave(_ attempt: HTTPAttempt) {
        if attempt.isQueued {
            attempt.isQueued = false
            gone += 1
            if gone > 32, gone > waiting.count / 2 {
                waiting.removeAll { !$0.isQueued }
                gone = 0
            }
        }
        guard let left = attempt.making else { return }
        attempt.making = nil
        left.owner = nil
        orphans.append(left)
    }

    /// Who has waited longest; it has left then.
    mutating func next() -> HTTPAttempt? {
        while let first = waiting.first {
            if first.isQueued {
                leave(first)
                return first
            }
            waiting.removeFirst()
            gone -= 1
        }
        return nil
    }

    /// Who has waited longest of those for whom no connection is being made.
    var nextWithout: HTTPAttempt? {
        // Mostly there is none.
        guard count > making - orphans.count(where: { !$0.isOver }) else { return nil }
        return waiting.first { $0.isQueued && $0.making == nil }
    }
}
