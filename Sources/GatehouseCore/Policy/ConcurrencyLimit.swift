/// Finds how many calls at a time a deployment serves well.
///
/// Latencies differ by prompt, so it compares averages: when a window's is well above what an idle deployment takes, the
/// limit falls in that proportion, from a tenth to a half; when the deployment says that it is overloaded, by a tenth; when
/// it is not and the limit was used, it rises by a tenth. When it fell and has found its place, what idle means is measured
/// anew, not too often, with a quarter of the calls for a moment: a model that became slower would else be taken for an
/// overloaded one. When that is still slow, with a quarter of those, as long as fewer calls are served faster: a quarter of
/// far too many is too many. Calls that do not end soon make no room for a measurement, and then there is none. A limit that never
/// has to fall is never disturbed.
package struct ConcurrencyLimit: Sendable {
    package struct Settings: Sendable, Equatable {
        package var minimum = 4
        package var maximum = 256
        /// Where it begins: rather too low, since the first latency is taken for an idle one.
        package var initial = 16
        /// Latencies up to so many times the idle one, and this much more, are well.
        package var tolerance = 2.0
        package var slack = Interval.milliseconds(20)
        /// And so much more is let pass before the limit begins to fall: calls that begin at once are late for a moment.
        package var burst = Interval.zero
        /// Samples of a window.
        package var samples = 20
        /// At least so many windows are between two measurements of the idle latency.
        package var windows = 30
        /// And so many since it last fell deep: what is measured behind a fall is the work that had piled up.
        package var calm = 4
        /// How long a measurement may wait for calls to end.
        package var patience = Interval.seconds(2)
        /// How long no call may be served until more are let in than the limit says: streams that run on for long tell nothing
        /// of how well others would be served.
        package var silence = Interval.seconds(5)

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
    private var windowsSinceFall = 0
    private var isMeasuring = false
    private var measuringSince = Instant.distantPast
    /// Steps of the measurement; each is a quarter of the one before.
    private var depth = 1
    /// What the step before told, where that was not well.
    private var above: (limit: Int, mean: Double)?
    /// When the limit last changed, or calls were last too many for a measurement: what began before tells of another time.
    private var changed: Instant
    /// When a call was last served, or refused by the deployment.
    private var heard: Instant

    package init(_ settings: Settings = Settings(), now: Instant) {
        self.settings = settings
        window = Window(begin: now)
        changed = now
        heard = now
        exact = 0
        // The first impression may have been one of a busy deployment: measure at the first fall.
        windows = settings.windows
        set(Double(settings.initial))
    }

    /// Calls at a time.
    package var limit: Int {
        isMeasuring ? max(lowest, Int(exact) >> min(2 * depth, 62)) : Int(exact)
    }

    /// A call was served: with a stream, its first token came.
    ///
    /// - Parameter inFlight: Calls on their way when it ended, this one too.
    package mutating func served(after latency: Interval, inFlight: Int, now: Instant) {
        heard = now
        guard latency >= .zero, now - changed >= latency else { return }
        if isMeasuring, inFlight > limit {
            changed = now
            window = Window(begin: now)
            if now - measuringSince > settings.patience {
                windows = 0
                endMeasuring()
            }
            return
        }
        window.total += latency.inSeconds
        window.count += 1
        window.peak = max(window.peak, inFlight)
        let wanted = max(1, isMeasuring ? settings.samples / 2 : settings.samples)
        guard window.count >= wanted else { return }
        close(now)
        window = Window(begin: now)
    }

    private mutating func beginMeasuring(_ now: Instant) {
        isMeasuring = true
        measuringSince = now
        changed = now
    }

    private mutating func endMeasuring() {
        isMeasuring = false
        depth = 1
        above = nil
    }

    /// What is well when idle means this.
    private func well(_ idle: Double) -> Double { idle * settings.tolerance + settings.slack.inSeconds }

    /// The deployment said that it is overloaded, or did not answer in time.
    ///
    /// - Parameter latency: Since the call began. Calls from before the last change change nothing again.
    package mutating func overloaded(after latency: Interval, now: Instant) {
        heard = now
        guard latency >= .zero, now - changed >= latency else { return }
        endMeasuring()
        fall(to: exact * 0.9, now)
        window = Window(begin: now)
    }

    /// A call found no room.
    ///
    /// - Returns: Whether there may be some now: nothing was heard for so long that it is time to try a few more.
    package mutating func pressed(now: Instant) -> Bool {
        guard now - heard >= settings.silence else { return false }
        heard = now
        changed = now
        let before = limit
        endMeasuring()
        window = Window(begin: now)
        set(max(exact + 1, exact * 1.1))
        return limit > before
    }

    private mutating func fall(to value: Double, _ now: Instant) {
        changed = now
        let before = exact
        set(value)
        if exact < before * 0.8 { windowsSinceFall = 0 }
    }

    private mutating func close(_ now: Instant) {
        let mean = window.mean
        windows = min(windows + 1, settings.windows)
        windowsSinceFall = min(windowsSinceFall + 1, settings.calm)
        guard !isMeasuring else { return measured(mean, now) }
        guard let known = idle else {
            idle = mean
            return
        }
        if window.peak * 2 < limit {
            // Few calls are no load: this is what idle means now. Where they are more, load may begin to show.
            idle = known + (mean - known) / (mean < known || window.peak * 8 < limit ? 4 : 32)
            return
        }
        if mean < known { idle = known + (mean - known) / 4 }
        if mean > well(known) + (hasFallen ? 0 : settings.burst.inSeconds) {
            hasFallen = true
            fall(to: exact * min(0.9, max(0.5, well(known) / mean)), now)
        } else if window.peak * 5 >= limit * 4 {
            set(max(exact + 1, exact * 1.1))
            // How well so many are served is known when they have been.
            changed = now
        }
        if hasFallen, windows >= settings.windows, windowsSinceFall >= settings.calm { beginMeasuring(now) }
    }

    /// A step of the measurement is over.
    private mutating func measured(_ mean: Double, _ now: Instant) {
        let known = idle ?? mean
        let isFaster = above.map { mean < $0.mean * 0.7 } ?? true
        if mean > well(known), limit > lowest, isFaster {
            // Work that piles up, or a model that became slower: fewer calls tell which.
            above = (limit, mean)
            depth += 1
            return beginMeasuring(now)
        }
        // Much better than thought: it may be better still, so look again soon.
        windows = mean < known * 0.7 ? settings.windows - settings.windows / 6 : 0
        idle = mean
        hasFallen = false
        let piled = above
        endMeasuring()
        // So many a second were served at the step before, and so many fit into what is well.
        if let piled, isFaster { fall(to: min(exact, Double(piled.limit) * well(mean) / piled.mean), now) }
    }

    private var lowest: Int { max(1, settings.minimum) }

    private mutating func set(_ value: Double) {
        exact = min(Double(max(lowest, settings.maximum)), max(Double(lowest), value))
    }
}
