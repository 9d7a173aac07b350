import CoreMetrics
import NIOCore
import Testing

@testable import GatehouseEngine

/// The text format as a scraper reads it; anything it cannot read is a test failure.
struct Exposition {
    var types: [String: String] = [:]
    /// By name and labels as they are shown.
    var samples: [String: Double] = [:]

    init(_ buffer: ByteBuffer) throws {
        for line in String(buffer: buffer).split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("# ") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                try #require(words.count >= 3 && ["HELP", "TYPE"].contains(words[1]), "\(line)")
                if words[1] == "TYPE" {
                    try #require(types.updateValue(words[3], forKey: words[2]) == nil, "TYPE of \(words[2]) twice")
                }
                continue
            }
            let end = try #require(line.lastIndex(of: " "), "\(line)")
            let key = String(line[..<end])
            let name = key.prefix { $0 != "{" }
            try #require(name.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil, "\(line)")
            let labels = key.dropFirst(name.count)
            let pattern = try Regex(##"(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)+\})?"##)
            try #require(labels.wholeMatch(of: pattern) != nil, "\(line)")
            let text = line[end...].dropFirst()
            let value = try #require(text == "+Inf" ? .infinity : Double(text), "\(line)")
            try #require(samples.updateValue(value, forKey: key) == nil, "\(key) twice")
            let family = ["_bucket", "_sum", "_count"].reduce(String(name)) { name, suffix in
                types[name] == nil && name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
            }
            try #require(types[family] != nil, "\(line) has no TYPE before it")
        }
    }
}

@Suite struct ObservabilityMetricsTests {
    private let registry = MetricsRegistry()

    @Test func showsCountersGaugesAndHistograms() throws {
        let counter = registry.counter("calls_total", help: "Calls.", labels: [("route", "chat"), ("status", "200")])
        counter.increment()
        counter.increment(by: 4)
        counter.increment(by: -3)
        registry.floatCounter("spent_total", help: "Money.").increment(by: 0.25)
        let gauge = registry.gauge("breaker", help: "State.")
        gauge.set(2.0)
        gauge.add(-0.5)
        let histogram = registry.histogram("wait_seconds", help: "Wait.", bounds: [0.1, 1], labels: [("k", "v")])
        for value in [0.05, 0.1, 0.5, 7] { histogram.observe(value) }
        histogram.observe(.milliseconds(200))
        histogram.observe(.nan)
        let shown = try Exposition(registry.render())
        #expect(
            shown.types == [
                "calls_total": "counter", "spent_total": "counter", "breaker": "gauge", "wait_seconds": "histogram",
            ])
        #expect(shown.samples["calls_total{route=\"chat\",status=\"200\"}"] == 5)
        #expect(shown.samples["spent_total"] == 0.25)
        #expect(shown.samples["breaker"] == 1.5)
        #expect(shown.samples["wait_seconds_bucket{k=\"v\",le=\"0.1\"}"] == 2)
        #expect(shown.samples["wait_seconds_bucket{k=\"v\",le=\"1\"}"] == 4)
        #expect(shown.samples["wait_seconds_bucket{k=\"v\",le=\"+Inf\"}"] == 5)
        #expect(shown.samples["wait_seconds_count{k=\"v\"}"] == 5)
        #expect(abs(try #require(shown.samples["wait_seconds_sum{k=\"v\"}"]) - 7.85) < 1e-9)
    }

    @Test func namesAndValuesAreMadeFit() throws {
        registry.counter("http.server 1", help: "a\\b\nc", labels: [("a.b", "x\"y\\z\nw"), ("le", "1"), ("__n", "2")])
            .increment()
        registry.gauge("1st", help: "").set(.infinity)
        registry.gauge("", help: "").set(-1e-9)
        let shown = try Exposition(registry.render())
        #expect(shown.samples["http_server_1{a_b=\"x\\\"y\\\\z\\nw\",label___n=\"2\",label_le=\"1\"}"] == 1)
        #expect(shown.samples["_1st"] == .infinity)
        #expect(shown.samples["_"] == -1e-9)
        #expect(String(buffer: registry.render()).contains("# HELP http_server_1 a\\\\b\\nc\n"))
    }

    @Test func theSameSeriesIsTheSameHandle() {
        let first = registry.counter("a", help: "", labels: [("x", "1"), ("y", "2")])
        let second = registry.counter("a", help: "other", labels: [("y", "2"), ("x", "1")])
        #expect(first === second)
        #expect(registry.counter("a", help: "", labels: [("x", "2"), ("y", "2")]) !== first)
    }

    @Test func aNameHasOneType() throws {
        registry.counter("a", help: "").increment()
        let stranger = registry.gauge("a", help: "")
        stranger.set(7.0)
        #expect(stranger.identity == nil)
        #expect(try Exposition(registry.render()).samples == ["a": 1])
    }

    @Test func seriesAreCapped() throws {
        let registry = MetricsRegistry(maximumSeries: 3)
        for number in 0..<10 { registry.counter("a", help: "", labels: [("n", "\(number)")]).increment() }
        registry.counter("a", help: "", labels: [("n", "0")]).increment()
        let shown = try Exposition(registry.render())
        #expect(
            shown.samples == ["a{n=\"0\"}": 2, "a{n=\"1\"}": 1, "a{n=\"2\"}": 1, "a{overflow=\"true\"}": 7])
    }

    @Test func removedSeriesAreGone() throws {
        let first = registry.counter("a", help: "", labels: [("n", "1")])
        registry.counter("a", help: "", labels: [("n", "2")]).increment()
        registry.remove(first.identity)
        first.increment()
        #expect(try Exposition(registry.render()).samples == ["a{n=\"2\"}": 1])
        registry.remove(registry.counter("a", help: "", labels: [("n", "2")]).identity)
        #expect(try Exposition(registry.render()).types.isEmpty)
    }

    @Test func manyThreadsLoseNothing() async throws {
        let counter = registry.counter("c", help: "")
        let spent = registry.floatCounter("f", help: "")
        let histogram = registry.histogram("h", help: "", bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        spent.increment(by: 0.5)
                        histogram.observe(2)
                    }
                }
            }
        }
        let shown = try Exposition(registry.render()).samples
        #expect(shown["c"] == 8000)
        #expect(shown["f"] == 4000)
        #expect(shown["h_count"] == 8000)
        #expect(shown["h_sum"] == 16_000)
        #expect(shown["h_bucket{le=\"1\"}"] == 0)
    }

    @Test func librariesWriteThroughTheFactory() throws {
        let factory = MetricsRegistryFactory(registry)
        let counter = Counter(label: "hb.requests", dimensions: [("s", "1")], factory: factory)
        counter.increment(by: 3)
        Timer(label: "hb.request.duration", dimensions: [], preferredDisplayUnit: .seconds, factory: factory)
            .recordMilliseconds(20)
        Gauge(label: "hb.active", dimensions: [], factory: factory).record(4)
        Meter(label: "hb.meter", dimensions: [], factory: factory).increment(by: 1.5)
        Recorder(label: "hb.size", dimensions: [], aggregate: true, factory: factory).record(100)
        FloatingPointCounter(label: "hb.cost", dimensions: [], factory: factory).increment(by: 0.5)
        var shown = try Exposition(registry.render()).samples
        #expect(shown["hb_requests_total{s=\"1\"}"] == 3)
        #expect(shown["hb_request_duration_seconds_sum"] == 0.02)
        #expect(shown["hb_request_duration_seconds_bucket{le=\"0.025\"}"] == 1)
        #expect(shown["hb_active"] == 4)
        #expect(shown["hb_meter"] == 1.5)
        #expect(shown["hb_size_sum"] == 100)
        #expect(shown["hb_cost_total"] == 0.5)
        factory.destroyCounter(registry.counter("hb_requests_total", help: "", labels: [("s", "1")]))
        shown = try Exposition(registry.render()).samples
        #expect(shown["hb_requests_total{s=\"1\"}"] == nil)
    }

    @Test func collectorsAddWhatIsOnlyKnownWhenAsked() throws {
        registry.collect { text in
            text.family("asked", .gauge, help: "Asked.")
            text.sample("asked", labels: [("a", "b")], 3)
        }
        #expect(try Exposition(registry.render()).samples == ["asked{a=\"b\"}": 3])
    }

    @Test func theProcessIsMeasured() throws {
        ProcessMetrics.add(to: registry)
        let shown = try Exposition(registry.render()).samples
        #expect(try #require(shown["process_resident_memory_bytes"]) > 1_048_576)
        #expect(try #require(shown["process_virtual_memory_bytes"]) > 1_048_576)
        #expect(try #require(shown["process_threads"]) >= 1)
        #expect(try #require(shown["process_open_fds"]) >= 3)
        #expect(try #require(shown["process_max_fds"]) >= 3)
        #expect(try #require(shown["process_cpu_seconds_total"]) >= 0)
        #expect(try #require(shown["process_start_time_seconds"]) > 1_600_000_000)
    }

    @Test func aProcessNameCannotLie() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 4242 1000000 300 18446744073709551615"
        let expected = ProcessMetrics.Stat("12 (plain) " + fields)
        #expect(expected?.ticks == 200)
        #expect(expected?.threads == 7)
        #expect(expected?.startTicks == 4242)
        #expect(expected?.virtualBytes == 1_000_000)
        #expect(expected?.residentPages == 300)
        #expect(ProcessMetrics.Stat("12 (a) R 9 9 9 (b) " + fields) == expected)
        #expect(ProcessMetrics.Stat("12 (short) S 1 2") == nil)
        #expect(ProcessMetrics.Stat("") == nil)
    }

    @Test func bootTimeIsFound() {
        #expect(ProcessMetrics.bootTime("cpu 1 2\nbtime 1700000000\nprocesses 5\n") == 1_700_000_000)
        #expect(ProcessMetrics.bootTime("cpu 1 2\n") == nil)
    }
}
