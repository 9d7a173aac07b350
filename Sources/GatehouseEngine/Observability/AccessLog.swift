/// Writes the access record of every settled call.
package final class AccessLog: CallObserver {
    private let sink: LogSink

    package init(_ sink: LogSink) {
        self.sink = sink
    }

    package func settled(_ record: CallRecord) {
        let time = Timestamp()
        sink.write { AccessRecord.write(record, time, to: &$0) }
    }
}
