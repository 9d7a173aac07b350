/// What this build is called.
enum GatehouseVersion {
    static let current = "0.1.0"
}
