import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Whether this gateway wants traffic.
package final class Readiness: Sendable {
    private let ready = Atomic<Bool>(true)

    package init() {}

    package var isReady: Bool { ready.load(ordering: .acquiring) }

    /// From now on balancers should send nothing more; there is no way back.
    package func leave() {
        ready.store(false, ordering: .releasing)
    }
}

/// Health and metrics.
enum OperationsRoutes {
    static func add(to routes: ControlRoutes, _ services: ControlServices) {
        routes.add(.get, "/health/live", .open) { _, _ throws(GatehouseError) in json(#"{"status":"live"}"#) }
        routes.add(.get, "/health/ready", .open) { _, _ throws(GatehouseError) in
            services.readiness.isReady
                ? json(#"{"status":"ready"}"#)
                : json(#"{"status":"draining"}"#, status: .serviceUnavailable)
        }
        routes.add(.get, "/health", .admin) { _, caller async throws(GatehouseError) in
            json(health(services, caller?.snapshot, storage: await services.storageProblem()))
        }
        routes.add(.get, "/metrics", .admin) { _, _ throws(GatehouseError) in
            guard let render = services.renderMetrics else {
                throw GatehouseError(.notFound, "Metrics are off (telemetry.metrics).")
            }
            var headers = HTTPFields()
            headers[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: render()))
        }
    }

    /// - Parameter problem: Why nothing can be kept now.
    private static func health(
        _ services: ControlServices, _ snapshot: RoutingSnapshot?, storage problem: String?
    ) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.string(services.readiness.isReady ? "ready" : "draining")
        writer.key("version")
        writer.string(services.version)
        writer.key("connections")
        writer.int(services.openConnections())
        writer.key("storage")
        writer.beginObject()
        writer.key("available")
        writer.bool(problem == nil)
        if let problem {
            writer.key("reason")
            writer.string(problem)
        }
        writer.endObject()
        if let accounting = services.accounting { ledger(accounting.store.waiting, to: &writer) }
        if let host = services.agentHost() { agents(host, to: &writer) }
        writer.key("upstreams")
        writer.beginArray()
        for entry in (snapshot?.upstreams ?? []).sorted(by: { $0.name < $1.name }) {
            writer.beginObject()
            writer.key("name")
            writer.string(entry.name)
            writer.key("kind")
            writer.string(entry.kind == .agent ? "agent" : "provider")
            if let sandbox = entry.upstream.sandbox {
                writer.key("sandbox")
                writer.string(sandbox)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(buffer: writer.buffer)
    }

    private static func ledger(_ waiting: LedgerWaiting, to writer: inout JSONWriter) {
        writer.key("ledger")
        writer.beginObject()
        writer.key("pending")
        writer.int(waiting.pending)
        writer.key("waiting_in_file")
        writer.int(waiting.spilled)
        writer.key("lost")
        writer.int(waiting.lost)
        writer.endObject()
    }

    private static func agents(_ host: AgentHostHealth, to writer: inout JSONWriter) {
        writer.key("sandbox")
        writer.beginObject()
        writer.key("available")
        writer.bool(host.sandbox != nil)
        if let name = host.sandbox {
            writer.key("by")
            writer.string(name)
            writer.key("user_namespaces")
            writer.bool(host.hasUserNamespaces)
        }
        if let problem = host.problem {
            writer.key("reason")
            writer.string(problem)
        }
        writer.key("cgroups")
        writer.beginArray()
        for use in host.cgroups { writer.string(use) }
        writer.endArray()
        writer.endObject()
    }

    static func json(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
