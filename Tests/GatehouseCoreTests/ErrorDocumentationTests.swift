import Foundation
import GatehouseCore
import Testing

@Suite struct ErrorDocumentationTests {
    /// `docs/errors.md` has exactly one row for each code, with its status.
    @Test func everyCodeIsDocumented() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/errors.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for code in GatehouseError.Code.allCases {
            let own = rows.filter { $0.hasPrefix("| `\(code.rawValue)` | \(code.status) |") }
            #expect(own.count == 1, "\(code.rawValue)")
        }
        #expect(rows.count == GatehouseError.Code.allCases.count)
    }
}
