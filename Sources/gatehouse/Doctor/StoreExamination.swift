import GatehouseCore
import GatehouseEngine
import GatehouseStore
import GatehouseUpstream
import Glibc

/// Looks at the data directory and what is in it. Makes nothing.
struct StoreExamination {
    let configuration: GatehouseConfiguration
    let directory: String

    private static let subject = "data directory"
    private static let scarce = 1 << 30

    func findings() -> [Finding] {
        do throws(StoreError) {
            try DataDirectory.inspect(directory)
        } catch {
            return [Finding(Self.subject, "access", .broken, error.description)]
        }
        guard access(directory, F_OK) == 0 else {
            return [Finding(Self.subject, "access", .ok, "\(directory) is not there yet; the first start makes it")]
        }
        guard access(directory, R_OK | W_OK | X_OK) == 0 else {
            return [
                Finding(
                    Self.subject, "access", .broken, "\(directory) cannot be written",
                    advice: "it must belong to the user that the gateway runs as")
            ]
        }
        return [Finding(Self.subject, "access", .ok, directory), room(), key(), database()]
    }

    private func database() -> Finding {
        let path = Storage.place(configuration.storage.path, directory)
        do throws(StoreError) {
            guard let steps = try SQLiteMaintenance.inspect(path) else {
                return Finding(Self.subject, "database", .ok, "is not there yet; the first start makes it")
            }
            return Finding(Self.subject, "database", .ok, "\(path), \(steps) steps")
        } catch {
            return Finding(Self.subject, "database", .broken, error.description)
        }
    }

    private func room() -> Finding {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else {
            return Finding(Self.subject, "room", .notice, "cannot be found out")
        }
        let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
            by: Int(clamping: status.f_frsize))
        let free = overflow ? Int.max : bytes
        guard free >= Self.scarce else {
            return Finding(
                Self.subject, "room", free == 0 ? .broken : .notice, "\(free >> 20) MiB are free",
                advice: "make room: logs, sessions and agents' files need it")
        }
        return Finding(Self.subject, "room", .ok, "\(free >> 30) GiB are free")
    }

    private func key() -> Finding {
        do throws(StoreError) {
            let isThere = try AdminKeyFile(directory: directory).read() != nil
            return Finding(
                Self.subject, "admin key", .ok, isThere ? "is there" : "is not there yet; the first start makes it")
        } catch {
            return Finding(Self.subject, "admin key", .broken, error.description)
        }
    }
}

/// Where agents are run from outside of a gateway: in the data directory as a gateway would, else in a place of our own
/// that is gone afterwards.
struct RunsPlace {
    let directory: String
    private let isOurs: Bool

    init(_ dataDirectory: String) {
        if access(dataDirectory, W_OK | X_OK) == 0, let real = realpath(dataDirectory, nil) {
            directory = String(cString: real)
            free(real)
            isOurs = false
            return
        }
        var name = Array("/tmp/gatehouse-XXXXXX".utf8CString)
        let made = mkdtemp(&name) != nil
        directory = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        isOurs = made
    }

    func remove() {
        if isOurs { AgentFiles.remove(directory) }
    }
}
