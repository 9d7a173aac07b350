import GatehouseCore
import GatehouseEngine
import Glibc
import NIOCore

/// What the connections of one event loop share: a clock that is read once a second, ids, and the list of connections to
/// look after. Confined to that loop.
final class LoopContext {
    private let eventLoop: any EventLoop
    private var doors: [ObjectIdentifier: FrontDoor] = [:]
    private var isTicking = false
    /// Grows by one each second while there are connections.
    private(set) var tick = 0
    /// Tenths of a second since the last tick.
    private var tenths = 0
    private var shedder = LoadShedder()
    private var unflushed: [FrontDoor] = []
    private var spare: [FrontDoor] = []
    /// So many that the first of them does not wait for long.
    private static let mostUnflushed = 32
    private var ids: RequestIDGenerator
    private var dateSecond = 0
    private var date = ""

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        ids = RequestIDGenerator()
    }

    func nextRequestID() -> String { ids.next() }

    /// Seconds since 1970.
    func now() -> Int { Glibc.time(nil) }

    /// The `Date` header's value (RFC 9110 §5.6.7), made once a second.
    func httpDate() -> String {
        let second = now()
        if second != dateSecond {
            dateSecond = second
            date = HTTPDate.format(second)
        }
        return date
    }

    func add(_ door: FrontDoor) {
        doors[ObjectIdentifier(door)] = door
        guard !isTicking else { return }
        isTicking = true
        scheduleTick()
    }

    func remove(_ door: FrontDoor) {
        doors.removeValue(forKey: ObjectIdentifier(door))
    }

    // MARK: Responses out

    /// Flushes what the door has written when the loop is done with the events of this turn: many calls' bytes go out
    /// one behind the other then, and whoever waits for them is woken once instead of for each.
    func flushSoon(_ door: FrontDoor) {
        unflushed.append(door)
        if unflushed.count >= Self.mostUnflushed { return flushAll() }
        guard unflushed.count == 1 else { return }
        eventLoop.assumeIsolated().execute { self.flushAll() }
    }

    private func flushAll() {
        // Both lists keep their memory.
        var flushing: [FrontDoor] = []
        swap(&flushing, &spare)
        swap(&flushing, &unflushed)
        for door in flushing { door.flushNow() }
        flushing.removeAll(keepingCapacity: true)
        swap(&flushing, &spare)
    }

    func abortCalls(_ error: GatehouseError) {
        for door in Array(doors.values) { door.driver?.abort(error) }
    }

    func closeConnections() {
        for door in Array(doors.values) { door.close() }
    }

    /// Whether a new call is taken: a loop that cannot keep up refuses some.
    func admitsCall() -> Bool { shedder.admits() }

    private func scheduleTick() {
        let due = eventLoop.now + .milliseconds(100)
        eventLoop.assumeIsolated().scheduleTask(deadline: due) {
            self.shedder.observe(lateness: Interval(nanoseconds: (self.eventLoop.now - due).nanoseconds))
            self.tenths += 1
            if self.tenths >= 10 {
                self.tenths = 0
                self.tick &+= 1
                for door in Array(self.doors.values) { door.check(tick: self.tick) }
            }
            self.isTicking = !self.doors.isEmpty
            if self.isTicking { self.scheduleTick() }
        }
    }
}

/// Makes ids that no other process makes: a random beginning and a count.
struct RequestIDGenerator {
    private let prefix: [UInt8]
    private var count: UInt64 = 0

    init() {
        let random = String(UInt64.random(in: 0...UInt64.max) >> 12, radix: 32)
        prefix = Array(("req_" + String(repeating: "0", count: max(0, 13 - random.utf8.count)) + random).utf8)
    }

    /// The beginning, and the count in digits of five bits.
    mutating func next() -> String {
        count &+= 1
        let digits = max(1, (64 - count.leadingZeroBitCount + 4) / 5)
        return String(unsafeUninitializedCapacity: prefix.count + digits) { target in
            _ = target.initialize(from: prefix)
            for place in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: count >> (5 * UInt64(digits - 1 - place)) & 31)
                let text = digit < 10 ? digit | 0x30 : digit + 87
                target.initializeElement(at: prefix.count + place, to: text)
            }
            return prefix.count + digits
        }
    }

    /// An id that a client may choose: 1 to 128 letters, digits, `.`, `_`, `-`.
    static func accepts(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 128
            && id.isOfBytes { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// Dates as HTTP writes them.
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The present second.
    static func now() -> String { format(Glibc.time(nil)) }

    static func format(_ second: Int) -> String {
        var time = time_t(second)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil, days.indices.contains(Int(parts.tm_wday)),
            months.indices.contains(Int(parts.tm_mon))
        else { return "Thu, 01 Jan 1970 00:00:00 GMT" }
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + parts.tm_year) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }

    /// As RFC 3339 writes it.
    static func rfc3339(_ second: Int) -> String {
        var time = time_t(second)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "1970-01-01T00:00:00Z" }
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(1900 + parts.tm_year)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
