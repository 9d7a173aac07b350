package import NIOCore
import Synchronization

/// All metrics of this process, shown in Prometheus' text format.
///
/// Handles are made once and kept; a second request with the same name and labels gives the same handle.
package final class MetricsRegistry: Sendable {
    private enum Series {
        case counter(MetricCounter)
        case floatCounter(MetricFloatCounter)
        case gauge(MetricGauge)
        case histogram(MetricHistogram)

        var kind: Kind {
            switch self {
            case .counter: .counter
            case .floatCounter: .floatCounter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        }

    }

    private enum Kind {
        case counter, floatCounter, gauge, histogram

        var type: MetricsText.Kind {
            switch self {
            case .counter, .floatCounter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        }
    }

    private struct Family {
        var kind: Kind
        var help: String
        /// By their labels as they are shown.
        var series: [String: Series] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var collectors: [@Sendable (inout MetricsText) -> Void] = []
    }

    /// Stands for all label values beyond those a metric may have.
    package static let overflowLabels = [("overflow", "true")]

    private let state = Mutex(State())
    private let maximumSeries: Int

    /// - Parameter maximumSeries: Of one metric. What comes later is counted together, labelled `overflow="true"`.
    package init(maximumSeries: Int = 1000) {
        self.maximumSeries = max(1, maximumSeries)
    }

    // MARK: Handles

    /// - Parameter help: What it counts; that of the first request for a name is shown.
    package func counter(_ name: String, help: String, labels: [(String, String)] = []) -> MetricCounter {
        let series = series(name, help, labels, .counter) { .counter(MetricCounter($0)) }
        return if case .counter(let counter) = series { counter } else { MetricCounter(nil) }
    }

    package func floatCounter(_ name: String, help: String, labels: [(String, String)] = []) -> MetricFloatCounter {
        let series = series(name, help, labels, .floatCounter) { .floatCounter(MetricFloatCounter($0)) }
        return if case .floatCounter(let counter) = series { counter } else { MetricFloatCounter(nil) }
    }

    package func gauge(_ name: String, help: String, labels: [(String, String)] = []) -> MetricGauge {
        let series = series(name, help, labels, .gauge) { .gauge(MetricGauge($0)) }
        return if case .gauge(let gauge) = series { gauge } else { MetricGauge(nil) }
    }

    /// - Parameter bounds: Upper ends of ranges; the first request for a name and its labels decides.
    package func histogram(
        _ name: String, help: String, bounds: [Double] = MetricHistogram.secondsBounds, labels: [(String, String)] = []
    ) -> MetricHistogram {
        let bounds = Array(Set(bounds.filter(\.isFinite))).sorted()
        let series = series(name, help, labels, .histogram) { .histogram(MetricHistogram($0, bounds: bounds)) }
        return if case .histogram(let histogram) = series { histogram } else { MetricHistogram(nil, bounds: bounds) }
    }

    /// Adds what is only known when somebody asks.
    ///
    /// - Parameter collector: Called for each rendering, on its thread; must not use this registry.
    package func collect(_ collector: @escaping @Sendable (inout MetricsText) -> Void) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// Forgets the series of a handle. The handle goes on working, unseen.
    package func remove(_ identity: MetricIdentity?) {
        guard let identity else { return }
        state.withLock { state in
            state.families[identity.name]?.series[identity.labels] = nil
            if state.families[identity.name]?.series.isEmpty == true { state.families[identity.name] = nil }
        }
    }

    /// The series of that name and labels; `nil` when the name is that of another kind of metric.
    private func series(
        _ name: String, _ help: String, _ labels: [(String, String)], _ kind: Kind,
        _ make: (MetricIdentity) -> Series
    ) -> Series? {
        let name = MetricsText.metricName(name)
        var shown = MetricsText.labels(labels)
        return state.withLock { state in
            var family = state.families.removeValue(forKey: name) ?? Family(kind: kind, help: help)
            defer { state.families[name] = family }
            guard family.kind == kind else { return nil }
            if let known = family.series[shown] { return known }
            if family.series.count >= maximumSeries {
                shown = MetricsText.labels(Self.overflowLabels)
                if let known = family.series[shown] { return known }
            }
            let made = make(MetricIdentity(name: name, labels: shown))
            family.series[shown] = made
            return made
        }
    }

    // MARK: Exposition

    /// Everything, in the order of names and labels.
    package func render() -> ByteBuffer {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        var text = MetricsText()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.family(name, family.kind.type, help: family.help)
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                switch series {
                case .counter(let counter): text.sample(name, shownLabels: labels, "\(counter.value)")
                case .floatCounter(let counter):
                    text.sample(name, shownLabels: labels, MetricsText.number(counter.value))
                case .gauge(let gauge): text.sample(name, shownLabels: labels, MetricsText.number(gauge.value))
                case .histogram(let histogram): text.histogram(name, shownLabels: labels, histogram)
                }
            }
        }
        for collector in collectors { collector(&text) }
        return text.buffer
    }
}
