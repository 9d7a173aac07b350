import GatehouseCore
import NIOCore

/// A request's head: when it is taken, the spliced body must say the same but for the model and the wish for usage.
enum HeadFuzz {
    private static let target = "upstream \"model\""
    private static let spliced: Set<String> = ["model", "stream_options"]

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let body = ByteBuffer(bytes: input)
        check(body, .chatCompletions)
        check(body, .completions)
    }

    private static func check(_ body: ByteBuffer, _ operation: Operation) {
        guard let head = try? RequestHead(scanning: body, operation: operation) else { return }
        let sent = head.splice(model: target, habits: .usual).applied(to: body)
        let without = head.splice(model: target, habits: RequestHabits(takesStreamOptions: false)).applied(to: body)
        guard let before = members(body), let after = members(sent), let bare = members(without) else {
            // Numbers longer than the parser takes are forwarded as they are.
            promise(hasLongNumber(body), "a body that the scanner takes is no JSON, or was spliced into no JSON")
            return
        }
        let model = after.filter { $0.key == "model" }
        promise(model.map(\.value) == [.string(target)], "the spliced body does not name the target once")
        promise(
            before.filter { !spliced.contains($0.key) } == after.filter { !spliced.contains($0.key) },
            "splicing changed other members")
        promise(
            bare.filter { $0.key != "model" } == before.filter { !spliced.contains($0.key) },
            "taking the options out changed other members, or left them")
        guard head.stream else { return }
        let options = after.filter { $0.key == "stream_options" }
        promise(options.count == 1, "a stream's options are there \(options.count) times")
        promise(options.first?.value["include_usage"] == .bool(true), "a stream's usage is not asked for")
    }

    private static func members(_ body: ByteBuffer) -> [JSONValue.Member]? {
        (try? JSONValue(parsing: body.readableBytesView))?.object
    }

    private static func hasLongNumber(_ body: ByteBuffer) -> Bool {
        do throws(JSONError) {
            _ = try JSONValue(parsing: body.readableBytesView)
            return false
        } catch {
            return error.kind == .invalidNumber
        }
    }
}
