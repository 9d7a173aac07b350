import NIOCore
import Synchronization
import Testing

@testable import GatehouseEngine

/// Keeps what it is given, and can be made to wait.
final class MemoryOutput: LogOutput {
    private let state = Mutex((lines: [UInt8](), reopened: 0))
    /// One is posted when a batch arrives.
    let arrived = Semaphore()
    private let gate: Semaphore?
    private let isFailing: Bool

    init(gate: Semaphore? = nil, isFailing: Bool = false) {
        self.gate = gate
        self.isFailing = isFailing
    }

    func write(_ lines: [UInt8]) -> Bool {
        arrived.post()
        gate?.wait()
        if isFailing { return false }
        state.withLock { $0.lines += lines }
        return true
    }

    func reopen() {
        state.withLock { state in
            state.reopened += 1
            state.lines += Array("-- reopened\n".utf8)
        }
    }

    var text: String { state.withLock { String(decoding: $0.lines, as: UTF8.self) } }
    var lines: [Substring] { text.split(separator: "\n") }
}

@Suite struct ObservabilityLogSinkTests {
    private func dropped(_ count: Int) -> [UInt8] { Array("dropped \(count)\n".utf8) }

    @Test func writesLinesInOrder() {
        let output = MemoryOutput()
        let sink = LogSink(output, latency: .zero, droppedLine: dropped)
        for number in 0..<1000 { sink.write(ByteBuffer(string: "line \(number)\n")) }
        #expect(sink.flush())
        #expect(output.lines == (0..<1000).map { "line \($0)" })
        sink.close()
        #expect(sink.droppedLines == 0)
    }

    @Test func keepsLinesOfManyThreadsWhole() async {
        let output = MemoryOutput()
        let sink = LogSink(output, latency: .milliseconds(1), droppedLine: dropped)
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<8 {
                group.addTask {
                    for number in 0..<500 { sink.write(Array("\(thread):\(number)\n".utf8)) }
                }
            }
        }
        sink.close()
        let lines = output.lines
        #expect(lines.count == 4000)
        #expect(Set(lines).count == 4000)
        for thread in 0..<8 {
            let own = lines.filter { $0.hasPrefix("\(thread):") }.compactMap { Int($0.dropFirst(2)) }
            #expect(own == Array(0..<500))
        }
    }

    @Test func dropsAndCountsWhatDoesNotFit() {
        let gate = Semaphore()
        let output = MemoryOutput(gate: gate)
        let sink = LogSink(output, capacity: 40, latency: .zero, droppedLine: dropped)
        sink.write(Array("first\n".utf8))
        output.arrived.wait()
        // The thread holds the first line now; four more fit into the buffer and the others do not.
        for number in 0..<10 { sink.write(Array("line \(number)..\n".utf8)) }
        for _ in 0..<20 { gate.post() }
        #expect(sink.flush())
        #expect(output.text == "first\nline 0..\nline 1..\nline 2..\nline 3..\ndropped 6\n")
        #expect(sink.droppedLines == 6)
        sink.write(Array("again\n".utf8))
        sink.close()
        #expect(output.lines.last == "again")
    }

    @Test func countsWhatTheOutputLost() {
        let sink = LogSink(MemoryOutput(isFailing: true), latency: .zero, droppedLine: dropped)
        sink.write(Array("a\nb\n".utf8))
        #expect(sink.flush())
        sink.close()
        #expect(sink.droppedLines == 2)
    }

    @Test func reopensBehindWhatWasWritten() {
        let output = MemoryOutput()
        let sink = LogSink(output, latency: .seconds(3600), droppedLine: dropped)
        sink.write(Array("before\n".utf8))
        sink.reopen()
        #expect(sink.flush())
        sink.write(Array("after\n".utf8))
        #expect(sink.flush())
        sink.close()
        #expect(output.lines == ["before", "-- reopened", "after"])
    }

    @Test func closesOnceAndTakesNothingMore() {
        let output = MemoryOutput()
        let sink = LogSink(output, latency: .seconds(3600), droppedLine: dropped)
        sink.write(Array("a\n".utf8))
        sink.close()
        sink.close()
        sink.write(Array("b\n".utf8))
        #expect(sink.flush())
        #expect(output.text == "a\n")
        #expect(sink.droppedLines == 1)
    }

    @Test func flushingGivesUpOnAStuckOutput() {
        let gate = Semaphore()
        let output = MemoryOutput(gate: gate)
        let sink = LogSink(output, latency: .zero, droppedLine: dropped)
        sink.write(Array("a\n".utf8))
        #expect(!sink.flush(timeout: .milliseconds(1)))
        gate.post()
        sink.close()
        #expect(output.text == "a\n")
    }
}
