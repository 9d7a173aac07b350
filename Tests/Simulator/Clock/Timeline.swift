import GatehouseCore

/// What will happen in a world, in the order of time. What is due at the same moment happens in the order in which it was
/// planned, so that a seed always tells the same story.
final class Timeline {
    /// Who wants something to happen.
    enum Owner {
        case world
        /// A timer of the gateway under test.
        case timer
        /// What a loop of it was handed over, and will do at once.
        case handover
    }

    private struct Entry {
        var time: Instant
        var order: UInt64
        var appointment: Appointment

        func isBefore(_ other: Entry) -> Bool {
            time == other.time ? order < other.order : time < other.time
        }
    }

    private(set) var now = Instant(nanoseconds: 0)
    /// Timers of the gateway that neither ran nor were cancelled.
    private(set) var timers = 0
    private(set) var handovers = 0
    private var heap: [Entry] = []
    private var planned: UInt64 = 0

    /// Plans `action`; a moment of the past is now.
    @discardableResult
    func at(_ time: Instant, for owner: Owner = .world, _ action: @escaping () -> Void) -> Appointment {
        let appointment = Appointment(action, self, owner)
        count(owner, 1)
        planned += 1
        heap.append(Entry(time: max(time, now), order: planned, appointment: appointment))
        rise(heap.count - 1)
        return appointment
    }

    @discardableResult
    func after(_ wait: Interval, _ action: @escaping () -> Void) -> Appointment {
        at(now + wait, action)
    }

    /// Lets the next thing happen; `false` when nothing is left.
    func step() -> Bool {
        while let entry = pop() {
            guard let action = entry.appointment.take() else { continue }
            now = entry.time
            action()
            return true
        }
        return false
    }

    /// Drops everything, so that nothing is kept alive by what would have happened.
    func clear() {
        for entry in heap { entry.appointment.cancel() }
        heap = []
    }

    /// Lets time pass in which nothing happens.
    func advance(to time: Instant) {
        now = max(now, time)
    }

    fileprivate func left(_ owner: Owner) { count(owner, -1) }

    private func count(_ owner: Owner, _ change: Int) {
        switch owner {
        case .world: break
        case .timer: timers += change
        case .handover: handovers += change
        }
    }

    // MARK: The heap

    private func pop() -> Entry? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first
    }

    private func rise(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].isBefore(heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private func sink() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}

/// Something that is to happen, unless it is cancelled before.
final class Appointment {
    private var action: (() -> Void)?
    private let timeline: Timeline
    private let owner: Timeline.Owner

    fileprivate init(_ action: @escaping () -> Void, _ timeline: Timeline, _ owner: Timeline.Owner) {
        self.action = action
        self.timeline = timeline
        self.owner = owner
    }

    var isPlanned: Bool { action != nil }

    func cancel() { _ = take() }

    fileprivate func take() -> (() -> Void)? {
        guard let action else { return nil }
        self.action = nil
        timeline.left(owner)
        return action
    }
}
