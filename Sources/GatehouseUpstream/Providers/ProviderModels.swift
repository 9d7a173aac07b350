package import GatehouseCore
import NIOCore

/// A provider's own list of models, from its own endpoint.
extension ProviderUpstream: ModelSource {
    package func models() async throws(Failure) -> [String] {
        guard let path = ProviderPath.models(row, place) else {
            throw Failure(.modelUnknown, detail: "no list of models")
        }
        let end = NIODeadline.now() + Self.patience
        var refused = Failure(.auth)
        for key in keys {
            do throws(Failure) {
                return try await models(path, key.fields, until: end)
            } catch {
                guard error.kind == .auth else { throw error }
                refused = error
            }
        }
        throw refused
    }

    private func models(
        _ path: String, _ fields: ByteBuffer, until end: NIODeadline
    ) async throws(Failure) -> [String] {
        var names: [String] = []
        var page: String? = path
        for _ in 0..<Self.maximumPages {
            guard let this = page else { return names }
            guard NIODeadline.now() < end else { throw Failure(.timeout(.total), detail: "the list of models") }
            let list = try Self.parse(try await fetch(this, fields))
            names += Self.names(list)
            page = Self.cursor(list).map { path + "&\($0.key)=" + PercentEncoding.encoded($0.value) }
        }
        throw Failure(.outputTooLarge, detail: "the list of models has over \(Self.maximumPages) pages")
    }

    private static let maximumPages = 50
    /// For all pages together.
    private static let patience = TimeAmount.seconds(15)

    private static func parse(_ body: ByteBuffer) throws(Failure) -> JSONValue {
        do {
            return try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw Failure(.protocol, detail: "the list of models is not JSON: \(error.kind)")
        }
    }

    /// How the next page is asked for; `nil` on the last one.
    static func cursor(_ list: JSONValue) -> (key: String, value: String)? {
        func token(_ name: String) -> String? {
            list[name]?.string.flatMap { (1...2048).contains($0.utf8.count) ? $0 : nil }
        }
        // Anthropic; Gemini; Cohere.
        if list["has_more"]?.bool == true, let last = token("last_id") { return ("after_id", last) }
        if let next = token("nextPageToken") { return ("pageToken", next) }
        return token("next_page_token").map { ("page_token", $0) }
    }

    /// The body of a GET; at most a few megabytes within a few seconds.
    private func fetch(_ path: String, _ fields: ByteBuffer) async throws(Failure) -> ByteBuffer {
        guard let loop = pools.values.first?.eventLoop else { throw Failure(.unreachable, detail: "no event loop") }
        let promise = loop.makePromise(of: ByteBuffer.self)
        loop.execute { self.get(path, fields, on: loop, promise) }
        do {
            return try await promise.futureResult.get()
        } catch {
            throw error as? Failure ?? Failure(.unreachable, detail: "\(error)")
        }
    }

    private func get(
        _ path: String, _ fields: ByteBuffer, on loop: any EventLoop, _ promise: EventLoopPromise<ByteBuffer>
    ) {
        guard let pool = pools[ObjectIdentifier(loop)]?.value else {
            return promise.fail(Failure(.unreachable, detail: "no pool on this loop"))
        }
        var request = ByteBuffer(string: "GET \(path) HTTP/1.1\r\n")
        request.writeImmutableBuffer(fields)
        request.writeStaticString("\r\n")
        let limit = TimeAmount.seconds(5)
        let collector = BodyCollector(promise)
        let attempt = HTTPAttempt(
            pool: pool, request: request,
            timeouts: HTTPTimeouts(connect: limit, firstByte: limit, idle: limit, total: limit), mayRepeat: true,
            reply: collector)
        collector.attempt = attempt
        pool.start(attempt)
    }

    /// OpenAI and Anthropic say `data[].id`; Gemini, Cohere and Ollama `models[].name`.
    static func names(_ list: JSONValue) -> [String] {
        let entries = list["data"]?.array ?? list["models"]?.array ?? list.array ?? []
        return entries.compactMap { entry in
            guard let name = entry["id"]?.string ?? entry["name"]?.string, !name.isEmpty, name.utf8.count <= 200,
                name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { return nil }
            return name.hasPrefix("models/") ? String(name.dropFirst("models/".count)) : name
        }
    }
}

/// Gathers the whole answer to one request of the gateway's own. Confined to its event loop.
private final class BodyCollector: UpstreamReply {
    private static let maximumBody = 4 << 20

    private let promise: EventLoopPromise<ByteBuffer>
    private var body = ByteBuffer()
    private var isOver = false
    var attempt: HTTPAttempt?

    init(_ promise: EventLoopPromise<ByteBuffer>) {
        self.promise = promise
    }

    func received(head: UpstreamHead) {
        guard head.status != 200 else { return }
        let isRefused = head.status == 401 || head.status == 403
        end(.failure(Failure(isRefused ? .auth : .upstream, detail: "status \(head.status)")))
    }

    func received(bytes: ByteBuffer) {
        guard body.readableBytes + bytes.readableBytes <= Self.maximumBody else {
            return end(.failure(Failure(.outputTooLarge)))
        }
        body.writeImmutableBuffer(bytes)
    }

    func received(event: CanonicalEvent) {}
    func receivedBatchEnd() {}
    func receivedEnd() { end(.success(body)) }
    func failed(_ failure: Failure) { end(.failure(failure)) }

    private func end(_ result: Result<ByteBuffer, Failure>) {
        guard !isOver else { return }
        isOver = true
        if case .failure = result { attempt?.cancel() }
        attempt = nil
        promise.completeWith(result.mapError { $0 as any Error })
    }
}
