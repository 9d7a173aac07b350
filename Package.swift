// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "gatehouse",
    platforms: [.macOS(.v26)],
    products: [
        .executable(name: "gatehouse", targets: ["gatehouse"]),
        .executable(name: "gatehouse-supervisor", targets: ["gatehouse-supervisor"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .target(name: "CShim"),
        .systemLibrary(name: "CMagic", pkgConfig: "libmagic", providers: [.apt(["libmagic-dev"])]),
        // It is also the first process of each sandbox: static, so that it needs nothing of the host there, and small.
        .executableTarget(
            name: "gatehouse-supervisor",
            linkerSettings: [.unsafeFlags(["-static-executable", "-nostartfiles"], .when(platforms: [.linux]))]
        ),
        .target(name: "GatehouseCore", dependencies: [nioCore, httpTypes], swiftSettings: strict),
        .target(
            name: "GatehouseEngine",
            dependencies: ["GatehouseCore", nioCore, logging, metrics],
            swiftSettings: strict
        ),
        .target(
            name: "GatehouseUpstream",
            dependencies: [
                "GatehouseCore", "CShim", nioCore, nioPosix, nioHTTP1, nioSSL,
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GatehouseStore",
            dependencies: [
                "GatehouseCore", "CShim", "CMagic", nioCore, nioPosix,
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GatehouseServer",
            dependencies: [
                "GatehouseCore", "GatehouseEngine", "CShim", nioCore, nioPosix, nioHTTP1, nioSSL, httpTypes, logging,
                lifecycle,
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "gatehouse",
            dependencies: [
                "GatehouseCore", "GatehouseEngine", "GatehouseUpstream", "GatehouseStore", "GatehouseServer",
                nioCore, nioPosix, nioSSL, logging, metrics, lifecycle,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GatehouseTesting", dependencies: ["GatehouseCore", "GatehouseEngine", nioCore], swiftSettings: strict
        ),
        .target(
            name: "GatehouseSimulator",
            dependencies: ["GatehouseCore", "GatehouseEngine", nioCore],
            path: "Tests/Simulator", exclude: ["Entry", "mutants.txt"], swiftSettings: strict
        ),
        .executableTarget(
            name: "gatehouse-simulator", dependencies: ["GatehouseSimulator"], path: "Tests/Simulator/Entry",
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseCoreTests", dependencies: ["GatehouseCore", "GatehouseTesting", nioCore],
            swiftSettings: strict),
        .testTarget(
            name: "GatehouseStoreTests",
            dependencies: [
                "GatehouseCore", "GatehouseStore", "GatehouseTesting", nioCore, nioPosix,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseEngineTests",
            dependencies: [
                "GatehouseCore", "GatehouseEngine", "GatehouseTesting", nioCore, logging, metrics,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseSimulatorTests", dependencies: ["GatehouseSimulator"], swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseServerTests",
            dependencies: [
                "GatehouseCore", "GatehouseServer", nioCore, nioHTTP1,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseCommandTests",
            dependencies: ["GatehouseCore", "GatehouseEngine", "GatehouseStore", "gatehouse"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatehouseUpstreamTests",
            dependencies: [
                "GatehouseCore", "GatehouseUpstream", nioCore, nioPosix, nioHTTP1,
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/GatehouseUpstreamTests",
            swiftSettings: strict
        ),
    ]
)

// scripts/fuzz builds this instead: only what is fuzzed, instrumented, without what the rest of the gateway needs.
if Context.environment["GATEHOUSE_FUZZ"] != nil {
    package.products = [.executable(name: "gatehouse-fuzz", targets: ["gatehouse-fuzz"])]
    package.targets =
        package.targets.filter { $0.name == "GatehouseCore" } + [
            .target(
                name: "GatehouseFuzz", dependencies: ["GatehouseCore", nioCore], path: "Tests/Fuzz/Targets",
                swiftSettings: strict),
            .executableTarget(name: "gatehouse-fuzz", dependencies: ["GatehouseFuzz"], path: "Tests/Fuzz/Entry"),
        ]
}

// scripts/soak --mutants builds this instead: only the engine and the simulator, from a copy of theirs.
if Context.environment["GATEHOUSE_SIMULATOR"] != nil {
    let names = ["GatehouseCore", "GatehouseEngine", "GatehouseSimulator", "gatehouse-simulator"]
    package.products = [.executable(name: "gatehouse-simulator", targets: ["gatehouse-simulator"])]
    package.targets = package.targets.filter { names.contains($0.name) }
}
