import Synchronization

/// What owners were promised for files that are on their way: it counts as if it were kept.
final class FileReservations: Sendable {
    struct Place: Sendable {
        let owner: String
        let bytes: Int
    }

    struct Sum: Sendable, Equatable {
        var bytes = 0
        var count = 0
    }

    private let owners = Mutex<[String: Sum]>([:])
    /// Bytes of all owners.
    private let all = Atomic<Int>(0)

    /// Bytes promised to all owners.
    var total: Int { all.load(ordering: .relaxed) }

    func take(_ place: Place) {
        owners.withLock { owners in
            owners[place.owner, default: Sum()].bytes += place.bytes
            owners[place.owner, default: Sum()].count += 1
        }
        all.wrappingAdd(place.bytes, ordering: .relaxed)
    }

    func giveBack(_ place: Place) {
        owners.withLock { owners in
            owners[place.owner]?.bytes -= place.bytes
            owners[place.owner]?.count -= 1
            if owners[place.owner]?.count == 0 { owners[place.owner] = nil }
        }
        all.wrappingSubtract(place.bytes, ordering: .relaxed)
    }

    func sum(of owner: String) -> Sum {
        owners.withLock { $0[owner] ?? Sum() }
    }
}
