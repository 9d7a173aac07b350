package import GatehouseCore
package import GatehouseEngine
package import NIOCore
import Synchronization

/// A downstream that keeps what it was sent.
package final class RecordingDownstream: CallDownstream {
    package private(set) var head: CallResponseHead?
    package private(set) var body = ""
    package private(set) var isStream = false
    package private(set) var hasEnded = false
    package private(set) var isSevered = false
    package private(set) var flushes = 0

    package init() {}

    package func respond(_ head: CallResponseHead, body: ByteBuffer) {
        self.head = head
        self.body = String(buffer: body)
        hasEnded = true
    }

    package func beginStream(_ head: CallResponseHead) {
        self.head = head
        isStream = true
    }

    package func write(_ bytes: ByteBuffer) { body += String(buffer: bytes) }
    package func flush() { flushes += 1 }
    package func endStream() { hasEnded = true }

    package func sever() { isSevered = true }
}

/// Keeps the records of settled calls.
package final class RecordingObserver: CallObserver {
    private let kept = Mutex<[CallRecord]>([])

    package init() {}

    package var records: [CallRecord] { kept.withLock { $0 } }
    package func settled(_ record: CallRecord) { kept.withLock { $0.append(record) } }
}

/// One key for all.
package final class SingleKeyStore: KeyStore {
    private let token: String
    private let holder: Principal

    package init(token: String, models: [String] = ["*"]) {
        self.token = token
        holder = Principal(key: VirtualKey(name: "test", role: .member, models: models.map { ModelPattern($0) }))
    }

    package var principal: Principal { holder }
    package func principal(forToken token: Substring) -> Principal? { token == self.token ? holder : nil }
}
