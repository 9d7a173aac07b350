import Glibc
import NIOCore
import Testing

/// A server that a test plays by hand on plain sockets: what it does has happened when the call returns.
final class RawServer: Sendable {
    /// Longer than anything here takes.
    fileprivate static let patience = 10
    private let descriptor: Int32
    let port: Int

    /// - Parameter address: Of this host: `127.0.0.1`, `127.0.0.2` ...
    init(address: String = "127.0.0.1", port: Int = 0, backlog: Int32 = 64) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        try #require(descriptor >= 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let isBound = try SocketAddress(ipAddress: address, port: port).withSockAddr { place, size in
            bind(descriptor, place, socklen_t(size)) == 0 && listen(descriptor, backlog) == 0
        }
        try #require(isBound)
        self.port = try Self.port(of: descriptor)
    }

    private static func port(of descriptor: Int32) throws -> Int {
        var bytes = [UInt8](repeating: 0, count: 128)
        var size = socklen_t(bytes.count)
        let isKnown = bytes.withUnsafeMutableBytes { buffer in
            buffer.baseAddress.map { getsockname(descriptor, $0.assumingMemoryBound(to: sockaddr.self), &size) == 0 }
        }
        try #require(isKnown == true)
        // Behind the family, in the order of the net.
        return Int(bytes[2]) << 8 | Int(bytes[3])
    }

    deinit { close(descriptor) }

    var url: String { "http://127.0.0.1:\(port)" }

    /// Whether somebody waits to be accepted.
    var hasCaller: Bool { isReadable(descriptor, milliseconds: 0) }

    /// Waits until somebody waits to be accepted.
    func awaitCaller() throws {
        try #require(isReadable(descriptor, milliseconds: Int32(Self.patience * 1000)), "nobody came")
    }

    /// The next connection.
    func accept() throws -> RawPeer {
        try awaitCaller()
        let peer = Glibc.accept(descriptor, nil, nil)
        try #require(peer >= 0)
        return RawPeer(descriptor: peer)
    }
}

/// The server's end of one connection.
final class RawPeer {
    private var descriptor: Int32
    private var buffer: [UInt8] = []

    fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    /// The next request, head and body.
    func request() throws -> String {
        while true {
            let text = String(decoding: buffer, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let length = text[..<end.lowerBound].lowercased().split(separator: "\r\n")
                    .first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) }
                let size = text[..<end.upperBound].utf8.count + (length ?? 0)
                if buffer.count >= size {
                    defer { buffer.removeFirst(size) }
                    return String(decoding: buffer.prefix(size), as: UTF8.self)
                }
            }
            try #require(isReadable(descriptor, milliseconds: Int32(RawServer.patience * 1000)), "no request came")
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            let count = read(descriptor, &piece, piece.count)
            try #require(count > 0, "the peer has left")
            buffer += piece.prefix(count)
        }
    }

    /// Waits until something has come, and keeps it.
    func awaitBytes() throws {
        try #require(isReadable(descriptor, milliseconds: Int32(RawServer.patience * 1000)), "nothing came")
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        buffer += piece.prefix(max(0, read(descriptor, &piece, piece.count)))
    }

    /// Everything that has come.
    func received() -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while descriptor >= 0, isReadable(descriptor, milliseconds: 0) {
            let count = read(descriptor, &piece, piece.count)
            if count <= 0 { break }
            buffer += piece.prefix(count)
        }
        return buffer
    }

    func write(_ text: String) { write(bytes: Array(text.utf8)) }

    func write(bytes: [UInt8]) {
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Answers 200 with a text; the connection stays.
    func answer(_ text: String) {
        write("HTTP/1.1 200 OK\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)")
    }

    /// Ends with FIN; with RST when there is something unread.
    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Ends with RST.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Whether the peer ends the connection.
    func seesEnd() -> Bool {
        var byte: UInt8 = 0
        while isReadable(descriptor, milliseconds: Int32(RawServer.patience * 1000)) {
            if read(descriptor, &byte, 1) <= 0 { return true }
        }
        return false
    }
}

private func isReadable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) > 0
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
