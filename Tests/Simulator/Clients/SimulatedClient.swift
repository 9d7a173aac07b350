import GatehouseCore
import GatehouseEngine
import NIOCore

/// A client and its connection. It tells what it gets, takes it as fast as it likes, and may leave at any moment, also in
/// the middle of a write, as connections do that break while they are written to.
final class SimulatedClient: CallDownstream {
    let number: Int
    let plan: ClientPlan
    private unowned let world: World
    private var pieces = 0
    /// Bytes that the connection has not taken.
    private var pending = 0
    private var isFull = false
    private var hasLeft = false
    private var hasEnded = false
    private var departure: Appointment?

    init(_ number: Int, _ plan: ClientPlan, _ world: World) {
        self.number = number
        self.plan = plan
        self.world = world
    }

    /// It asked; from now on it may lose its patience.
    func wait() {
        guard case .after(let time) = plan.leaving else { return }
        departure = world.timeline.after(time) { [unowned self] in self.leave() }
    }

    func leave() {
        guard !hasLeft, !hasEnded else { return }
        hasLeft = true
        world.left(number)
    }

    /// The connection is lost with the gateway's process.
    func lose() {
        hasEnded = true
        departure?.cancel()
    }

    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        world.gave(.responded, number, head.status, body, head)
        end()
    }

    func beginStream(_ head: CallResponseHead) {
        world.gave(.streamBegan, number, head.status, ByteBuffer(), head)
        take(1)
    }

    func write(_ bytes: ByteBuffer) {
        world.gave(.wrote, number, bytes.readableBytes, bytes)
        take(bytes.readableBytes)
    }

    func flush() {}

    func endStream() {
        world.gave(.streamEnded, number, 0, ByteBuffer())
        end()
    }

    func sever() {
        world.gave(.severed, number, 0, ByteBuffer())
        end()
    }

    private func end() {
        hasEnded = true
        departure?.cancel()
    }

    private func take(_ bytes: Int) {
        pieces += 1
        if case .during(let piece) = plan.leaving, piece == pieces { return leave() }
        guard let window = plan.window else { return }
        pending += bytes
        guard pending > window, !isFull, !hasEnded, !hasLeft else { return }
        isFull = true
        world.turnedFull(number, true)
        world.timeline.after(plan.slowness) { [unowned self] in
            self.pending = 0
            self.isFull = false
            if !self.hasEnded, !self.hasLeft { self.world.turnedFull(self.number, false) }
        }
    }
}
