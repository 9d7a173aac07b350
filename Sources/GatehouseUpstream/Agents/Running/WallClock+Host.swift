import GatehouseCore
import Glibc

extension WallClock {
    /// The time of day and the zone of this host.
    static func host() -> WallClock {
        var now = time(nil)
        var local = tm()
        guard localtime_r(&now, &local) != nil else { return WallClock(now: now) }
        return WallClock(now: now, offset: local.tm_gmtoff)
    }
}
