/// Writes the access record of every settled call.
package final class AccessLog: CallObserver {
    private let sink: LogSink

    package init(_ sink: LogSink) {
        self.sink = sink
    }

    package func settled(_ record: CallRecord) {
        sink.write(AccessRecord.render(record, time: Timestamp.now()))
    }
}
