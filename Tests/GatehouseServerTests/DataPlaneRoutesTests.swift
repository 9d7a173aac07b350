import GatehouseCore
import Testing

@testable import GatehouseServer

/// The table of the data plane's paths against what is matched.
@Suite struct DataPlaneRoutesTests {
    @Test func everyPathLeadsToACall() throws {
        for path in DataPlaneRoutes.paths {
            let path = path.replacing("{model}", with: "a/b")
            let match = try DataPlaneRoutes.match(path[...], uri: path)
            #expect(match != nil, "\(path)")
        }
        #expect(Set(DataPlaneRoutes.paths).count == DataPlaneRoutes.paths.count)
    }

    @Test func everyCallHasAPath() throws {
        let operations = try DataPlaneRoutes.paths.map { path in
            let path = path.replacing("{model}", with: "m")
            return try DataPlaneRoutes.match(path[...], uri: path)?.operation
        }
        for operation in Operation.allCases { #expect(operations.contains(operation), "\(operation)") }
    }
}
