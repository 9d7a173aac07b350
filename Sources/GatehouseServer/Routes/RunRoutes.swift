import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// `/api/runs`: calls that go on without their callers, for the key that began them. Whatever is another's is as if it did not
/// exist.
enum RunRoutes {
    private static let root = "/api/runs"
    private static let lastEvent = HTTPField.Name("last-event-id")
    private static let listed = 100
    /// Silence after which a follower is told that the run goes on.
    private static let heartbeat = Duration.seconds(15)

    static func add(to routes: ControlRoutes, _ service: RunService?) {
        routes.add(.get, root, .member) { _, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let runs = try await service.store.list(owner: owner, atMost: listed)
            let values = runs.map { record in
                RunDocument.value(service.active(record.id, owner: owner)?.record ?? record, [])
            }
            return OperationsRoutes.json(JSONValue.object(["runs": .array(values)]).text)
        }
        routes.add(.get, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let run = try await find(request, service, owner)
            let events = try await run.all()
            return OperationsRoutes.json(RunDocument.value(run.record, events).text)
        }
        routes.add(.get, root + "/:id/events", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let run = try await find(request, service, owner)
            return follow(run, after: try last(request))
        }
        routes.add(.post, root + "/:id/cancel", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let run = try await find(request, service, owner)
            await run.cancelAndWait()
            return OperationsRoutes.json(RunDocument.value(run.record, []).text)
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let run = try await find(request, service, owner)
            await run.cancelAndWait()
            guard try await service.store.delete(run.id, owner: owner) else { throw unknown }
            return OperationsRoutes.json(JSONValue.object(["id": .string(run.id), "deleted": .bool(true)]).text)
        }
    }

    private static let unknown = GatehouseError(.runNotFound, "There is no such run, or no more.")

    private static func needed(
        _ service: RunService?, _ caller: ControlRoutes.Caller?
    ) throws(GatehouseError) -> (RunService, owner: String) {
        guard let service, let caller else { throw unknown }
        return (service, caller.principal.name)
    }

    /// The run that goes on, else what is kept of it.
    private static func find(
        _ request: Request, _ service: RunService, _ owner: String
    ) async throws(GatehouseError) -> Run {
        let id = FileRoutes.id(request)
        // Those have routes of their own.
        guard !ResponsesHistory.isMade(id) else { throw unknown }
        if let run = service.active(id, owner: owner) { return run }
        guard let record = try await service.store.find(id, owner: owner) else { throw unknown }
        return Run(kept: record, store: service.store)
    }

    /// The event behind which to go on: browsers send it as a header when a stream broke (HTML §9.2), others may write it
    /// into the address.
    private static func last(_ request: Request) throws(GatehouseError) -> Int {
        let text = lastEvent.flatMap { request.headers[$0] } ?? request.uri.queryParameters["after"].map { String($0) }
        guard let text else { return 0 }
        guard let last = Int(text), last >= 0 else {
            throw GatehouseError(.invalidValue, "The last event's id must be a number.", param: "last-event-id")
        }
        return last
    }

    /// - Parameter isBare: Without the numbers in front of the events.
    static func follow(_ run: Run, after last: Int, isBare: Bool = false) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "text/event-stream; charset=utf-8"
        headers[.cacheControl] = "no-cache"
        if let name = HTTPField.Name("x-accel-buffering") { headers[name] = "no" }
        let body = ResponseBody { writer in
            var last = last
            while true {
                let batch = try await next(run, after: last)
                guard let batch else {
                    try await writer.write(ByteBuffer(string: ": keep-alive\n\n"))
                    continue
                }
                if batch.isEnd { break }
                last = batch.last
                try await writer.write(isBare ? NumberedEvents.bare(batch.bytes) : batch.bytes)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// The next events; `nil` when there were none for a while.
    private static func next(_ run: Run, after last: Int) async throws -> Run.Batch? {
        try await withThrowingTaskGroup(of: Run.Batch?.self) { tasks in
            tasks.addTask { try await run.next(after: last) }
            tasks.addTask {
                try await Task.sleep(for: heartbeat)
                return nil
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? nil
        }
    }
}
