import Glibc
import Testing

@testable import GatehouseUpstream

@Suite struct ProcessTreeTests {
    private static func status(parent: Int, pages: String, name: String = "a") -> String {
        return "1 (\(name)) S \(parent) " + (5...23).map(String.init).joined(separator: " ") + " \(pages) 0 0"
    }

    @Test func addsUpWhatIsBelow() {
        var tree = ProcessTree()
        tree.add(10, Self.status(parent: 1, pages: "5"))
        tree.add(11, Self.status(parent: 10, pages: "7", name: ") S 1 ("))
        tree.add(12, Self.status(parent: 11, pages: "11"))
        tree.add(13, Self.status(parent: 1, pages: "13"))
        tree.add(14, "14 (cut")
        tree.add(15, Self.status(parent: 10, pages: "-1"))
        let page = sysconf(Int32(_SC_PAGESIZE))
        #expect(tree.residentBytes(below: 10) == 23 * page)
        #expect(tree.residentBytes(below: 99) == 0)
        // Pids that were used again may make a ring.
        tree.add(10, Self.status(parent: 12, pages: "5"))
        #expect(tree.residentBytes(below: 10) == 23 * page)
    }

    @Test func seesWhoWasStopped() {
        var tree = ProcessTree()
        tree.add(10, Self.status(parent: 1, pages: "5"))
        tree.add(11, Self.status(parent: 10, pages: "7").replacing(" S ", with: " T "))
        tree.add(12, Self.status(parent: 1, pages: "7"))
        #expect(tree.isStopped(below: 10) && tree.isStopped(below: 11) && !tree.isStopped(below: 12))
    }

    @Test func seesThisProcess() {
        #expect(ProcessTree.now().residentBytes(below: getpid()) > 1 << 20)
    }
}
