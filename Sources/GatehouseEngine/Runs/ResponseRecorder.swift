import GatehouseCore
import NIOCore

/// Takes the answer to a response that goes on without its caller. Whoever wrote its events, they get one order of numbers,
/// and the id that the caller was told. Confined to the call's event loop.
final class ResponseRecorder: RunDownstream {
    private let run: Run
    private let conversations: any ConversationStore
    private let clock: @Sendable () -> Int
    private let onEnd: @Sendable () -> Void
    private var parser = SSEParser()
    /// As it was last told.
    private var response: JSONValue
    private var isWell = false
    /// The answer has an id of its vendor's, who does not know the one that the caller has.
    private var isForeign = false
    private var isOver = false
    var driver: CallDriver?

    /// - Parameter opening: The answer as its caller was told of it.
    init(
        _ run: Run, answering opening: JSONValue, _ conversations: any ConversationStore,
        clock: @escaping @Sendable () -> Int, onEnd: @escaping @Sendable () -> Void
    ) {
        self.run = run
        self.conversations = conversations
        self.clock = clock
        self.onEnd = onEnd
        response = opening
    }

    func beginStream(_ head: CallResponseHead) {}
    func flush() {}

    func write(_ bytes: ByteBuffer) {
        parser.append(bytes)
        do throws(Failure) {
            while let frame = try parser.next() { take(frame) }
            _ = parser.take(upTo: parser.cursor)
        } catch {
            isWell = false
        }
    }

    private func take(_ frame: SSEFrame) {
        let data: ByteBuffer
        switch frame.payload {
        case .none: return
        case .line(let range): data = parser.bytes(range)
        case .joined(let bytes): data = bytes
        }
        guard let event = try? JSONValue(parsing: data.readableBytesView), let type = event["type"]?.string,
            type.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return }
        // That it has begun is told already.
        if type == "response.created" || type == "response.queued" { return note(event) }
        note(event)
        switch type {
        case "response.completed", "response.incomplete": isWell = true
        case "response.failed", "error": isWell = false
        default: break
        }
        let members = event.members(except: ["type", "sequence_number"]).map { member in
            member.key == "response" ? JSONValue.Member(member.key, response) : member
        }
        run.add(ResponseEvents.write(run.record.last + 1, type, members))
    }

    /// Takes note of the answer as an event tells it.
    private func note(_ event: JSONValue) {
        guard let told = event["response"], told.object != nil else { return }
        if let id = told["id"]?.string, id != run.id { isForeign = true }
        response = .object(
            [.init("id", .string(run.id))] + told.members(except: ["id", "background", "store"]) + [
                .init("background", .bool(true)), .init("store", .bool(true)),
            ])
    }

    /// An error, before anything happened.
    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        let told = (try? JSONValue(parsing: body.readableBytesView))?["error"]
        let code = told?["code"]?.string.flatMap { GatehouseError.Code(rawValue: $0) } ?? .internalError
        fail(GatehouseError(code, told?["message"]?.string ?? "The response failed."))
        end(.failed)
    }

    func endStream() {
        if isWell, isForeign { keepConversation() }
        end(isWell ? .finished : .failed)
    }

    func sever() {
        fail(GatehouseError(.upstreamTruncated, "The answer broke off."))
        end(.failed)
    }

    func cancel() {
        guard driver != nil else { return }
        if run.verdict == .interrupted {
            fail(RunService.interrupted)
        } else {
            add("response.failed", ResponseEvents.failed(response, status: "cancelled", .null))
        }
        driver?.clientGone()
        end(run.verdict ?? .cancelled)
    }

    private func fail(_ error: GatehouseError) {
        add(
            "response.failed",
            ResponseEvents.failed(response, status: "failed", ResponsesErrorBody.failed(error)))
    }

    private func add(_ type: String, _ response: JSONValue) {
        self.response = response
        run.add(ResponseEvents.write(run.record.last + 1, type, response: response))
    }

    /// Its vendor does not know the caller's id: whoever goes on from that finds the conversation here.
    private func keepConversation() {
        guard let driver, let asked = driver.asked, asked.head.previousResponse == nil || asked.previous != nil,
            let body = try? JSONValue(parsing: driver.request.body.readableBytesView),
            let whole = try? ResponsesHistory.join(asked.previous ?? [], into: body),
            let said = try? ResponsesHistory.said(in: whole)
        else { return }
        conversations.keep(
            ResponsesHistory.whole(
                said, with: response["output"]?.array?.map(\.bytes) ?? [],
                summary: JSONValue.object(response.members(except: ["output"])).bytes),
            id: run.id, owner: run.owner)
    }

    private func end(_ status: RunRecord.Status) {
        guard !isOver else { return }
        isOver = true
        driver = nil
        run.end(status, at: clock(), onKept: onEnd)
    }
}
