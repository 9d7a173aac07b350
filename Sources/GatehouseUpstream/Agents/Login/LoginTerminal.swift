import CShim
import GatehouseCore
import NIOCore
import NIOPosix
import Synchronization
import SystemPackage

/// A terminal for a vendor's program, and our end of it on an event loop.
struct LoginTerminal: Sendable {
    static let columns = 240
    static let rows = 60

    let channel: any Channel
    /// The program's end. It is closed when the program has it: only then is its end ours to see.
    let program: Program

    /// A descriptor that is closed once.
    final class Program: Sendable {
        let descriptor: SystemPackage.FileDescriptor
        private let isClosed = Atomic<Bool>(false)

        init(_ number: CInt) { descriptor = SystemPackage.FileDescriptor(rawValue: number) }

        deinit { close() }

        func close() {
            guard !isClosed.exchange(true, ordering: .relaxed) else { return }
            try? descriptor.close()
        }
    }

    /// - Parameters:
    ///   - received: Called on the event loop with what the program writes.
    ///   - ended: Called there when nobody has the program's end any more.
    /// - Throws: `Failure` `.spawn` when there is none to be had.
    static func open(
        on group: any EventLoopGroup, received: @escaping @Sendable ([UInt8]) -> Void,
        ended: @escaping @Sendable () -> Void
    ) async throws(Failure) -> LoginTerminal {
        var ours: CInt = -1
        var theirs: CInt = -1
        let error = gatehouse_open_terminal(UInt16(columns), UInt16(rows), &ours, &theirs)
        guard error == 0 else { throw Failure(.spawn, detail: "no terminal: errno \(error)") }
        let program = Program(theirs)
        do {
            let channel = try await NIOPipeBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Reader(received: received, ended: ended))
                    }
                }
                .takingOwnershipOfDescriptor(inputOutput: ours).get()
            return LoginTerminal(channel: channel, program: program)
        } catch {
            try? SystemPackage.FileDescriptor(rawValue: ours).close()
            program.close()
            throw Failure(.spawn, detail: "no terminal: \(error)".bounded)
        }
    }

    func write(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func close() {
        channel.close(promise: nil)
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: @Sendable ([UInt8]) -> Void
        private let ended: @Sendable () -> Void

        init(received: @escaping @Sendable ([UInt8]) -> Void, ended: @escaping @Sendable () -> Void) {
            self.received = received
            self.ended = ended
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received(Array(unwrapInboundIn(data).readableBytesView))
        }

        func channelInactive(context: ChannelHandlerContext) { ended() }

        /// When the program's end is closed the kernel calls it an error.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
