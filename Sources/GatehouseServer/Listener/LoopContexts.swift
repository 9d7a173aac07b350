import NIOCore

/// One `LoopContext` for each event loop, made in advance.
struct LoopContexts: Sendable {
    private let contexts: [ObjectIdentifier: NIOLoopBoundBox<LoopContext>]

    init(_ group: any EventLoopGroup) {
        var contexts: [ObjectIdentifier: NIOLoopBoundBox<LoopContext>] = [:]
        for loop in group.makeIterator() {
            contexts[ObjectIdentifier(loop)] = .makeBoxSendingValue(LoopContext(eventLoop: loop), eventLoop: loop)
        }
        self.contexts = contexts
    }

    subscript(loop: any EventLoop) -> LoopContext? { contexts[ObjectIdentifier(loop)]?.value }

    /// Does something on each loop, soon.
    func onEach(_ work: @escaping @Sendable (LoopContext) -> Void) {
        for (_, box) in contexts { box.eventLoop.execute { work(box.value) } }
    }
}
