import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// The accounts of agents: which are usable, which rest until when, and a way to forget what speaks against one.
enum AccountRoutes {
    /// - Parameter wall: Seconds since 1970.
    static func add(to routes: ControlRoutes, wall: @escaping @Sendable () -> Int) {
        routes.add(.get, "/api/accounts", .member) { _, caller throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let view = View(now: .now(), wall: wall(), isWhole: caller.principal.seesAll)
            let books = caller.snapshot.resilience.accountBooks.filter {
                caller.principal.seesAll || caller.snapshot.mayUse($0.agent, caller.principal)
            }
            return OperationsRoutes.json(JSONValue.object(["accounts": .array(books.flatMap(view.accounts))]).text)
        }
        routes.add(.post, "/admin/api/accounts/:agent/:name/reset", .admin) { request, caller throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            let parts = request.uri.path.split(separator: "/").map(String.init)
            guard parts.count == 6, let book = caller.snapshot.resilience.accounts(of: parts[3]), book.reset(parts[4])
            else {
                throw GatehouseError(.notFound, "There is no such account. GET /api/accounts lists them.")
            }
            return OperationsRoutes.json(
                JSONValue.object(["agent": .string(parts[3]), "name": .string(parts[4]), "reset": .bool(true)]).text)
        }
    }

    /// How accounts are shown. Neither their homes nor who they belong to are known here.
    struct View {
        let now: Instant
        let wall: Int
        /// For operators; others see names and states.
        let isWhole: Bool

        func accounts(_ book: AccountBook) -> [JSONValue] {
            book.status(now: now, wall: wall).map { status in
                let members: [JSONValue.Member] = [
                    .init("agent", .string(book.agent)), .init("name", .string(status.name)),
                    .init("state", .string(status.state.rawValue)),
                ]
                return .object(isWhole ? members + details(status) : members)
            }
        }

        private func details(_ status: AccountPool.Status) -> [JSONValue.Member] {
            let rests = status.rests.map { rest in
                JSONValue.object([
                    .init("model", rest.model.map { .string($0) } ?? .null), .init("reason", .string(rest.kind.label)),
                    .init("until", time(rest.until)), .init("seconds", .int((rest.until - now).retryAfter)),
                ])
            }
            let windows = status.windows.map { window in
                JSONValue.object([
                    .init("kind", .string(window.kind)),
                    .init("used", window.used.map { .number("\(min(max($0, 0), 1))") } ?? .null),
                    .init("resets_at", window.resetsAt.map { .string(Self.text($0)) } ?? .null),
                ])
            }
            let begins = status.begins.map { begins in
                JSONValue.object([
                    .init("begins_at", time(begins)),
                    .init("seconds", .int(begins <= now ? 0 : (begins - now).retryAfter)),
                ])
            }
            return [
                .init("running", .int(status.running)), .init("concurrency", .int(status.concurrency)),
                .init("rest_until", status.rests.last.map { time($0.until) } ?? .null), .init("rests", .array(rests)),
                .init("windows", .array(windows)), .init("forecast", begins ?? .null),
            ]
        }

        private func time(_ moment: Instant) -> JSONValue {
            let seconds = moment <= now ? 0 : (moment - now).retryAfter
            return .string(Self.text(wall + seconds))
        }

        private static func text(_ seconds: Int) -> String {
            Timestamp.rfc3339(seconds: min(max(0, seconds), 253_402_300_799), milliseconds: 0)
        }
    }
}
