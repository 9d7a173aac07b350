import NIOCore

/// Elements from the one touched longest ago to the latest. Every operation takes constant time on average, and the
/// memory is that of the elements.
struct Recency<Element: Hashable> {
    private var stamps: [Element: UInt64] = [:]
    /// In the order of their stamps; an element that was touched again or removed since is skipped.
    private var queue = CircularBuffer<(element: Element, stamp: UInt64)>()
    private var next: UInt64 = 0

    var count: Int { stamps.count }

    /// Makes the element the latest.
    mutating func touch(_ element: Element) {
        next &+= 1
        stamps[element] = next
        queue.append((element, next))
        guard queue.count > 2 * stamps.count + 16 else { return }
        let stamps = stamps
        queue.removeAll { stamps[$0.element] != $0.stamp }
    }

    mutating func remove(_ element: Element) {
        stamps.removeValue(forKey: element)
    }

    /// The element that was touched longest ago.
    mutating func oldest() -> Element? {
        while let first = queue.first {
            if stamps[first.element] == first.stamp { return first.element }
            queue.removeFirst()
        }
        return nil
    }
}
