import NIOPosix

/// Runs blocking work of files on a thread for such work, to its end, also when the task is cancelled.
func offload<Value: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        NIOThreadPool.singleton.submit { _ in
            continuation.resume(returning: Result(catching: work))
        }
    }
    return try result.get()
}
