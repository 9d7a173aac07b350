import GatehouseCore
import GatehouseUpstream
import Testing

/// A pool in a world that a number decides: turns come and go, processes live and die.
struct PoolWorld {
    private enum Process { case starting, idle, busy(Int), ending }

    private var generator: SeededGenerator
    private var pool: PoolMachine
    private let settings: PoolMachine.Settings
    private let places: [String: Int]
    private var now = Instant(nanoseconds: 0)
    private var processes: [Int: Process] = [:]
    /// Whom a process has served.
    private var owners: [Int: PoolMachine.Owner] = [:]
    private var wants: [Int: PoolMachine.Want] = [:]
    private var waiting: Set<Int> = []
    private var lastTurn = 0
    private var isQuiet = false

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        var settings = PoolMachine.Settings()
        settings.minimum = Int.random(in: 0...2, using: &generator)
        settings.maximum = Int.random(in: 1...4, using: &generator)
        settings.turns = Int.random(in: 1...5, using: &generator)
        settings.queue = Int.random(in: 0...5, using: &generator)
        settings.wait = .seconds(20)
        self.settings = settings
        places = ["a": Int.random(in: 1...2, using: &generator), "b": 1]
        pool = PoolMachine(settings, account: "a", places: places)
    }

    mutating func step() {
        now = now + .milliseconds(Int.random(in: 0...2000, using: &generator))
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...3 where !isQuiet: come()
        case 4: if let turn = waiting.sorted().randomElement(using: &generator) { leave(turn) }
        case 5: hear(Int.random(in: 0..<4, using: &generator) == 0 ? .vacate(account: "a") : .tick)
        default: happen()
        }
    }

    private mutating func come() {
        lastTurn += 1
        let tenant = ["ann", "bob", "cat"].randomElement(using: &generator) ?? ""
        let session = Bool.random(using: &generator) ? ["s", "t"].randomElement(using: &generator) : nil
        let conversation: PoolMachine.Conversation = Int.random(in: 0..<6, using: &generator) == 0 ? .once : .any
        let account = ["a", "b", "c"].randomElement(using: &generator) ?? ""
        let owner = PoolMachine.Owner(tenant: tenant, account: account, conversation: conversation)
        let want = PoolMachine.Want(lastTurn, owner, session: conversation == .any ? session : nil)
        wants[lastTurn] = want
        waiting.insert(lastTurn)
        hear(.want(want))
    }

    private mutating func leave(_ turn: Int) {
        waiting.remove(turn)
        hear(.leave(turn))
    }

    /// Something becomes of a process.
    private mutating func happen() {
        guard let id = processes.keys.sorted().randomElement(using: &generator), let process = processes[id] else {
            return
        }
        let dies = !isQuiet && Int.random(in: 0..<8, using: &generator) == 0
        switch process {
        case .starting:
            processes[id] = dies ? .ending : .idle
            hear(dies ? .failed(id, Failure(.failed)) : .ready(id))
        case .idle:
            if dies {
                processes[id] = .ending
                hear(.spent(id))
            }
        case .busy:
            processes[id] = dies ? .ending : .idle
            hear(dies ? .spent(id) : .over(id))
        case .ending:
            processes[id] = nil
            hear(.gone(id))
        }
    }

    private mutating func hear(_ input: PoolMachine.Input) {
        for action in pool.handle(input, now: now) { see(action) }
        #expect(processes.count <= settings.maximum)
        for (account, places) in places {
            let living = processes.keys.count { (owners[$0]?.account ?? "a") == account }
            #expect(living <= places, "more processes than an account has places")
        }
        #expect(pool.counts.queued == waiting.count)
        #expect(waiting.count <= settings.queue + settings.maximum)
    }

    private mutating func see(_ action: PoolMachine.Action) {
        switch action {
        case .start(let id, let owner):
            #expect(processes.updateValue(.starting, forKey: id) == nil)
            owners[id] = owner
        case .give(let turn, let id): give(turn, id)
        case .refuse(let turn, _): #expect(waiting.remove(turn) != nil, "answered twice")
        case .end(let id):
            if case .busy? = processes[id] { Issue.record("a process is ended in its turn") }
            processes[id] = .ending
        }
    }

    private mutating func give(_ turn: Int, _ id: Int) {
        #expect(waiting.remove(turn) != nil, "answered twice")
        guard case .idle? = processes[id], let want = wants[turn] else {
            Issue.record("a process is given that is not free")
            return
        }
        if let owner = owners[id] { #expect(owner == want.owner, "a process is shared") }
        owners[id] = want.owner
        processes[id] = .busy(turn)
        let others = processes.values.compactMap { process in
            if case .busy(let other) = process, other != turn { wants[other] } else { nil }
        }
        if let session = want.session {
            #expect(!others.contains { $0.session == session && $0.owner == want.owner }, "two turns of a session")
        }
    }

    /// Nobody comes any more, and nothing fails: everybody who waits is served or refused.
    mutating func settle() {
        isQuiet = true
        for _ in 0..<400 {
            now = now + .seconds(1)
            hear(.tick)
            happen()
            happen()
        }
        #expect(waiting.isEmpty)
    }
}
