/// Decides how many new calls an event loop refuses when it cannot keep up.
///
/// A loop that is late with its timers is late with everything: what is refused at once can be tried elsewhere, what is
/// taken would only make all the others wait. The share of refused calls grows while the loop is late and shrinks while it
/// is not, so that it settles where the loop just keeps up.
package struct LoadShedder: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Lateness up to here is nothing.
        package var tolerated = Interval.milliseconds(100)
        /// Thousandths by which the share changes with each sample.
        package var step = 50
        /// Some are always taken: without them nothing would be known.
        package var most = 950

        package init() {}
    }

    package let settings: Settings
    /// Thousandths of new calls that are refused.
    package private(set) var share = 0
    /// A late loop is believed with the second sample in a row.
    private var wasLate = false
    private var turn = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// A timer was so late.
    package mutating func observe(lateness: Interval) {
        let isLate = lateness > settings.tolerated
        if isLate, wasLate {
            share = min(settings.most, share + settings.step)
        } else if !isLate {
            share = max(0, share - settings.step)
        }
        wasLate = isLate
    }

    /// Whether the next call is taken. Those that are not are spread evenly.
    package mutating func admits() -> Bool {
        guard share > 0 else { return true }
        turn += share
        guard turn >= 1000 else { return true }
        turn -= 1000
        return false
    }
}
