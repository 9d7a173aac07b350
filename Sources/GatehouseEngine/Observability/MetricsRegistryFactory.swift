package import CoreMetrics

/// Lets libraries that use swift-metrics write into a registry. Our own code uses the registry's handles.
///
/// Names become those of Prometheus: dots turn to underscores, counters end in `_total`, timers in `_seconds`.
package struct MetricsRegistryFactory: MetricsFactory {
    private let registry: MetricsRegistry

    package init(_ registry: MetricsRegistry) {
        self.registry = registry
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        registry.counter(Self.name(label, "_total"), help: "Counter \(label)", labels: dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        registry.floatCounter(Self.name(label, "_total"), help: "Counter \(label)", labels: dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        registry.gauge(label, help: "Meter \(label)", labels: dimensions)
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return registry.gauge(label, help: "Recorder \(label)", labels: dimensions) }
        return registry.histogram(
            label, help: "Recorder \(label)", bounds: MetricHistogram.tokenBounds, labels: dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        registry.histogram(Self.name(label, "_seconds"), help: "Timer \(label)", labels: dimensions)
    }

    package func destroyCounter(_ handler: any CounterHandler) {
        registry.remove((handler as? MetricCounter)?.identity)
    }

    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        registry.remove((handler as? MetricFloatCounter)?.identity)
    }

    package func destroyMeter(_ handler: any MeterHandler) {
        registry.remove((handler as? MetricGauge)?.identity)
    }

    package func destroyRecorder(_ handler: any RecorderHandler) {
        registry.remove((handler as? MetricGauge)?.identity ?? (handler as? MetricHistogram)?.identity)
    }

    package func destroyTimer(_ handler: any TimerHandler) {
        registry.remove((handler as? MetricHistogram)?.identity)
    }

    private static func name(_ label: String, _ suffix: String) -> String {
        label.hasSuffix(suffix) ? label : label + suffix
    }
}

extension MetricCounter: CounterHandler {
    package func increment(by amount: Int64) {
        increment(by: Int(amount))
    }

    /// Prometheus' counters begin anew with the process only.
    package func reset() {}
}

extension MetricFloatCounter: FloatingPointCounterHandler {
    package func reset() {}
}

extension MetricGauge: MeterHandler, RecorderHandler {
    package func set(_ value: Int64) { set(Double(value)) }
    package func increment(by amount: Double) { add(amount) }
    package func decrement(by amount: Double) { add(-amount) }
    package func record(_ value: Int64) { set(Double(value)) }
    package func record(_ value: Double) { set(value) }
}

extension MetricHistogram: RecorderHandler, TimerHandler {
    package func record(_ value: Int64) { observe(Double(value)) }
    package func record(_ value: Double) { observe(value) }
    package func recordNanoseconds(_ nanoseconds: Int64) { observe(Double(nanoseconds) / 1e9) }
}
