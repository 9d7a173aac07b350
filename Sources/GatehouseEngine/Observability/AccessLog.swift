import GatehouseCore

/// Writes the access record of every settled call.
package final class AccessLog: CallObserver {
    private let sink: LogSink

    package init(_ sink: LogSink) {
        self.sink = sink
    }

    package func settled(_ record: CallRecord) {
        var line = TextWriter(capacity: 1024)
        AccessRecord.write(record, Timestamp(), to: &line)
        sink.write(line)
    }
}
