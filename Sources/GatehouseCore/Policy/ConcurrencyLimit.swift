/// Finds how many calls at a time a deployment serves well.
///
/// Latencies differ by prompt, so it compares averages: when a window's is well above what an idle deployment takes, or
/// the deployment says that it is overloaded, the limit falls by a tenth; when it is not and the limit was used, it
/// rises by a tenth. When it fell, what idle means is measured anew, not too often, with a quarter of the calls for a
/// moment: a model that became slower would else be taken for an overloaded one. A limit that never has to fall is
/// never disturbed.
package struct ConcurrencyLimit: Sendable {
    package struct Settings: Sendable, Equatable {
        package var minimum = 4
        package var maximum = 256
        /// Where it begins: rather too low, since the first latency is taken for an idle one.
        package var initial = 16
        /// Latencies up to so many times the idle one, and this much more, are well.
        package var tolerance = 2.0
        package var slack = Interval.milliseconds(20)
        /// Samples of a window.
        package var samples = 20
        /// At least so many windows are between two measurements of the idle latency.
        package var windows = 30

        package init() {}
    }

    private struct Window {
        var begin: Instant
        var total = 0.0
        var count = 0
        /// The most calls at a time.
        var peak = 0

        var mean: Double { total / Double(max(1, count)) }
    }

    package let settings: Settings
    private var exact: Double
    private var window: Window
    private var idle: Double?
    private var windows = 0
    private var hasFallen = false
    private var isMeasuring = false

    package init(_ settings: Settings = Settings(), now: Instant) {
        self.settings = settings
        window = Window(begin: now)
        exact = 0
        // The first impression may have been one of a busy deployment: measure at the first fall.
        windows = settings.windows
        set(Double(settings.initial))
    }

    /// Calls at a time.
    package var limit: Int {
        isMeasuring ? max(lowest, Int(exact) / 4) : Int(exact)
    }

    /// A call was served: with a stream, its first token came.
    ///
    /// - Parameter inFlight: Calls on their way when it ended, this one too.
    package mutating func served(after latency: Interval, inFlight: Int, now: Instant) {
        // What began before the limit was as it is tells of another limit.
        guard latency >= .zero, now - window.begin >= latency else { return }
        window.total += latency.inSeconds
        window.count += 1
        window.peak = max(window.peak, inFlight)
        let wanted = max(1, isMeasuring ? settings.samples / 2 : settings.samples)
        guard window.count >= wanted else { return }
        close()
        window = Window(begin: now)
    }

    /// The deployment said that it is overloaded, or did not answer in time.
    ///
    /// - Parameter latency: Since the call began. Calls from before the last change change nothing again.
    package mutating func overloaded(after latency: Interval, now: Instant) {
        guard latency >= .zero, now - window.begin >= latency else { return }
        isMeasuring = false
        set(exact * 0.9)
        window = Window(begin: now)
    }

    private mutating func close() {
        let mean = window.mean
        windows = min(windows + 1, settings.windows)
        guard !isMeasuring else {
            isMeasuring = false
            hasFallen = false
            // Much better than thought: it may be better still, so look again soon.
            windows = mean < (idle ?? 0) * 0.7 ? settings.windows - settings.windows / 6 : 0
            idle = mean
            return
        }
        guard let known = idle else {
            idle = mean
            return
        }
        if window.peak * 2 < limit {
            // So few calls are no load: this is what idle means now.
            idle = known + (mean - known) / 4
            return
        }
        if mean < known { idle = known + (mean - known) / 4 }
        if mean > known * settings.tolerance + settings.slack.inSeconds {
            hasFallen = true
            set(exact * 0.9)
        } else if window.peak * 5 >= limit * 4 {
            set(max(exact + 1, exact * 1.1))
        }
        isMeasuring = hasFallen && windows >= settings.windows
    }

    private var lowest: Int { max(1, settings.minimum) }

    private mutating func set(_ value: Double) {
        exact = min(Double(max(lowest, settings.maximum)), max(Double(lowest), value))
    }
}
