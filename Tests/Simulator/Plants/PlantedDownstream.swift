import GatehouseEngine
import NIOCore

/// Gives a client a wrong end.
final class PlantedDownstream: CallDownstream {
    private let client: SimulatedClient
    private let plant: Plant?
    private var last = ByteBuffer()

    init(_ client: SimulatedClient, _ plant: Plant?) {
        self.client = client
        self.plant = plant
    }

    func respond(_ head: CallResponseHead, body: ByteBuffer) { client.respond(head, body: body) }
    func beginStream(_ head: CallResponseHead) { client.beginStream(head) }

    func write(_ bytes: ByteBuffer) {
        last = bytes
        client.write(bytes)
    }

    func flush() { client.flush() }

    func endStream() {
        switch plant {
        case .neverEnds: return
        case .endsTwice: client.endStream()
        case .endsErrorWell where last.holds(#""error""#):
            client.write(ByteBuffer(string: client.plan.isForeign ? Self.foreign : "data: [DONE]\n\n"))
        default: break
        }
        client.endStream()
    }

    private static let foreign = #"event: message_stop\#ndata: {"type":"message_stop"}\#n\#n"#

    func sever() { client.sever() }
}
