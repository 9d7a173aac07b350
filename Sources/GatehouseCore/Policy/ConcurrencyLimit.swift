/// Finds how many calls at a time a deployment serves well.
///
/// Latencies differ by prompt, so it compares averages: when a window's is well above what an idle deployment takes, or
/// the deployment says that it is overloaded, the limit falls by a tenth; when it is not and the limit was used, it
/// rises by a tenth. What idle means is measured anew now and then, with a quarter of the calls for a moment: a model
/// that became slower would else be taken for an overloaded one.
package struct ConcurrencyLimit: Sendable {
    package struct Settings: Sendable, Equatable {
        package var minimum = 4
        package var maximum = 256
        package var initial = 32
        /// Latencies up to so many times the idle one, and this much more, are well.
        package var tolerance = 2.0
        package var slack = Interval.milliseconds(20)
        /// Samples of a window.
        package var samples = 20
        /// Windows between two measurements of the idle latency.
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
    /// Begins with a measurement: the first impression of a busy deployment would be a wrong one.
    private var isMeasuring = true

    package init(_ settings: Settings = Settings(), now: Instant) {
        self.settings = settings
        window = Window(begin: now)
        exact = 0
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
        windows += 1
        guard !isMeasuring else {
            isMeasuring = false
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
            windows = 0
            return
        }
        if mean < known { idle = known + (mean - known) / 4 }
        if mean > known * settings.tolerance + settings.slack.inSeconds {
            set(exact * 0.9)
        } else if window.peak * 5 >= limit * 4 {
            set(max(exact + 1, exact * 1.1))
        }
        isMeasuring = windows >= settings.windows
    }

    private var lowest: Int { max(1, settings.minimum) }

    private mutating func set(_ value: Double) {
        exact = min(Double(max(lowest, settings.maximum)), max(Double(lowest), value))
    }
}
