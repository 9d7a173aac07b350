/// Doubly linked lists over the places of an array: any place can leave its list at once, and nothing is allocated for
/// it. A place is in one list at a time.
struct LinkedPlaces: Sendable {
    struct List: Sendable {
        fileprivate(set) var first: Int?
        fileprivate(set) var last: Int?
        fileprivate(set) var count = 0
    }

    private struct Links {
        var before: Int?
        var after: Int?
    }

    private var links: [Links] = []

    func after(_ place: Int) -> Int? { links[place].after }

    mutating func append(_ place: Int, to list: inout List) {
        while links.count <= place { links.append(Links()) }
        links[place] = Links(before: list.last)
        if let last = list.last { links[last].after = place } else { list.first = place }
        list.last = place
        list.count += 1
    }

    mutating func remove(_ place: Int, from list: inout List) {
        let (before, after) = (links[place].before, links[place].after)
        if let before { links[before].after = after } else { list.first = after }
        if let after { links[after].before = before } else { list.last = before }
        links[place] = Links()
        list.count -= 1
    }
}
