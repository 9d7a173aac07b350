import GatehouseCore
import NIOCore

/// How a run begins: its id, what its call is, and what has happened before the call says anything.
struct RunOpening: Sendable {
    let id: String
    /// What the call asks.
    let body: ByteBuffer
    var target: PathTarget?
    /// What the id of the answer is made of.
    var answerID: String?
    var events: [ByteBuffer] = []
    /// Responses: the answer as it is at the beginning.
    var response: JSONValue?

    /// - Throws: `invalid_value` for a response that must not be kept: nobody could ask for it.
    init(_ request: CallRequest, _ head: CallHead, now: Int) throws(GatehouseError) {
        let letters = RandomLetters.make(26)
        guard request.operation == .responses else {
            id = "run_" + letters
            body = request.body
            // Each event is kept: it is a stream, whatever its caller asked for.
            target = PathTarget(model: head.model, stream: true)
            return
        }
        let asked: JSONValue
        do {
            asked = try JSONValue(parsing: request.body.readableBytesView)
        } catch {
            throw GatehouseError(.invalidJSON, "The body cannot be read as JSON.")
        }
        guard asked["store"]?.bool != false else {
            throw GatehouseError(
                .invalidValue, "A background response is always kept: store must not be false.", param: "store")
        }
        let response = ResponseEvents.queued(asked, letters, model: head.model, created: now)
        id = response.id
        answerID = letters
        // No target is asked to go on by itself, or to keep quiet meanwhile.
        body = JSONValue.object(asked.members(except: ["background", "stream"]) + [.init("stream", .bool(true))]).bytes
        self.response = response.value
        events = ["response.created", "response.queued"].enumerated().map { index, type in
            ResponseEvents.write(index + 1, type, response: response.value)
        }
    }
}
