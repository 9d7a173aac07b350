import GatehouseCore
package import NIOCore

/// Renders the access record of a settled call as one line of JSON.
package enum AccessRecord {
    /// - Parameter time: RFC 3339, UTC, as the log writes it.
    package static func render(_ record: CallRecord, time: String) -> ByteBuffer {
        var line = ByteBuffer()
        line.reserveCapacity(640)
        line.writeString(#"{"time":"\#(time)","level":"info","label":"access","message":"call","request_id":"#)
        JSONText.write(record.id, to: &line)
        switch record.operation {
        case .chatCompletions:
            line.writeStaticString(#","method":"POST","path":"/v1/chat/completions","route":"chat_completions","#)
        case .completions:
            line.writeStaticString(#","method":"POST","path":"/v1/completions","route":"completions","#)
        case nil: line.writeStaticString(#","route":"none","#)
        }
        line.writeString(#""status":\#(record.status),"outcome":"\#(record.outcomeLabel)""#)
        member("key", record.key, to: &line)
        member("model", record.model, to: &line)
        member("provider", record.provider, to: &line)
        member("upstream_model", record.upstreamModel, to: &line)
        line.writeString(#","attempts":\#(record.attempts),"stream":\#(record.isStream)"#)
        if let usage = record.usage {
            line.writeString(#","input_tokens":\#(usage.input),"output_tokens":\#(usage.output)"#)
            line.writeString(#","cached_input_tokens":\#(usage.cachedInput),"reasoning_tokens":\#(usage.reasoning)"#)
        }
        if let cost = record.cost {
            member("cost_unit", cost.unit, to: &line)
            member("cost_amount", cost.amount, to: &line)
        }
        line.writeString(#","bytes_in":\#(record.bytesIn),"bytes_out":\#(record.bytesOut)"#)
        if let first = record.timeToFirstByte { milliseconds("ttfb_ms", first, to: &line) }
        milliseconds("duration_ms", record.duration, to: &line)
        if let code = record.errorCode { member("error_code", code.rawValue, to: &line) }
        if let failure = record.failure {
            member("failure", failure.kind.label, to: &line)
            if !failure.detail.isEmpty { member("failure_detail", String(failure.detail.prefix(500)), to: &line) }
        }
        if let id = record.upstreamRequestID { member("upstream_request_id", id, to: &line) }
        line.writeStaticString("}\n")
        return line
    }

    private static func member(_ name: StaticString, _ value: String, to line: inout ByteBuffer) {
        line.writeStaticString(#",""#)
        line.writeStaticString(name)
        line.writeStaticString(#"":"#)
        JSONText.write(value, to: &line)
    }

    /// Milliseconds with three decimals, without floating point.
    private static func milliseconds(_ name: StaticString, _ amount: TimeAmount, to line: inout ByteBuffer) {
        let micros = max(0, amount.nanoseconds / 1000)
        let decimals = String(micros % 1000)
        line.writeStaticString(#",""#)
        line.writeStaticString(name)
        line.writeString(#"":\#(micros / 1000)."#)
        line.writeString(String(repeating: "0", count: 3 - decimals.utf8.count) + decimals)
    }
}
