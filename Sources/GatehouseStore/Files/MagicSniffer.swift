import CMagic
import Synchronization

/// What libmagic makes of the first bytes of a file: a media type.
///
/// It takes a millisecond for text and less for the rest: called on threads that may block, several at once.
package final class MagicSniffer: Sendable {
    /// More takes much longer and tells nothing more.
    package static let headLimit = 4 << 10
    /// Databases that are kept; each is a mapping of the same file.
    private static let poolLimit = 4
    /// Nothing is unpacked or taken apart in this process: libmagic's readers of compressed files and of programs stay off.
    private static let flags =
        MAGIC_MIME_TYPE | MAGIC_ERROR | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS

    /// libmagic's state. It is used by one thread at a time: who took it out of the pool, which the lock guards.
    private struct Cookie: @unchecked Sendable {
        let pointer: magic_t
    }

    private let pool = Mutex<[Cookie]>([])

    /// Looks whether libmagic works, and keeps nothing: its database takes 8 MiB, and a gateway may never see an upload.
    ///
    /// - Throws: `StoreError` `.io` when libmagic finds no database of its own.
    package init() throws(StoreError) {
        magic_close(try Self.open().pointer)
    }

    deinit {
        pool.withLock { cookies in
            for cookie in cookies { magic_close(cookie.pointer) }
        }
    }

    /// The media type of a file that begins so; `nil` when libmagic fails.
    package func type(of head: [UInt8]) -> String? {
        let taken = pool.withLock { $0.popLast() }
        guard let cookie = taken ?? (try? Self.open()) else { return nil }
        defer { putBack(cookie) }
        let count = min(head.count, Self.headLimit)
        return head.withUnsafeBytes { bytes in
            magic_buffer(cookie.pointer, bytes.baseAddress, count).map { String(cString: $0) }
        }
    }

    /// As `type(of:)`, on a thread that may block.
    package func sniff(_ head: [UInt8]) async -> String? {
        await BlockingWork.run { [self] in type(of: head) }
    }

    private func putBack(_ cookie: Cookie) {
        let isKept = pool.withLock { cookies in
            guard cookies.count < Self.poolLimit else { return false }
            cookies.append(cookie)
            return true
        }
        if !isKept { magic_close(cookie.pointer) }
    }

    private static func open() throws(StoreError) -> Cookie {
        guard let pointer = magic_open(flags) else { throw StoreError(.io, "libmagic", "cannot be opened") }
        guard magic_load(pointer, nil) == 0 else {
            magic_close(pointer)
            throw StoreError(.io, "libmagic", "has no database: install the package libmagic-mgc")
        }
        return Cookie(pointer: pointer)
    }
}
