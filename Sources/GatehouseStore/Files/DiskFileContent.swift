import GatehouseCore
import Glibc
import NIOCore

/// A file that is being read, open for as long as somebody holds this.
final class DiskFileContent: FileContent {
    let size: Int
    let path: String
    private let file: Int32

    init(_ file: Int32, size: Int, path: String) {
        self.file = file
        self.size = size
        self.path = path
    }

    deinit {
        close(file)
    }

    func read(at offset: Int, count: Int) async throws(GatehouseError) -> ByteBuffer {
        let count = min(count, size - offset)
        guard offset >= 0, count > 0 else { return ByteBuffer() }
        return try await BlockingWork.run { [self] () throws(GatehouseError) in try readNow(at: offset, count: count) }
    }

    private func readNow(at offset: Int, count: Int) throws(GatehouseError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var error: Int32 = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            while true {
                let got = pread(file, bytes.baseAddress, min(count, bytes.count), off_t(offset))
                if got < 0, errno == EINTR { continue }
                if got < 0 { error = errno }
                return max(0, got)
            }
        }
        guard error == 0 else { throw BlobFolder.error(error) }
        return buffer
    }
}
