import GatehouseCore
package import NIOCore

/// Renders the access record of a settled call as one line of JSON. Written for every call: it builds no strings.
package enum AccessRecord {
    /// - Parameter time: RFC 3339, UTC, as the log writes it.
    package static func render(_ record: CallRecord, time: String) -> ByteBuffer {
        var line = ByteBufferAllocator().buffer(capacity: 1024)
        line.writeStaticString(#"{"time":""#)
        line.writeString(time)
        line.writeStaticString(#"","level":"info","label":"access","message":"call","request_id":"#)
        JSONText.write(record.id, to: &line)
        if let operation = record.operation {
            line.writeStaticString(#","method":"POST","path":""#)
            line.writeStaticString(operation.path)
            line.writeStaticString(#"","route":""#)
            line.writeString(operation.rawValue)
            line.writeStaticString("\"")
        } else {
            line.writeStaticString(#","route":"none""#)
        }
        member(#","status":"#, record.status, to: &line)
        member(#","outcome":"#, record.outcomeLabel, to: &line)
        target(record, to: &line)
        usage(record, to: &line)
        member(#","bytes_in":"#, record.bytesIn, to: &line)
        member(#","bytes_out":"#, record.bytesOut, to: &line)
        if let first = record.timeToFirstByte { milliseconds(#","ttfb_ms":"#, first, to: &line) }
        milliseconds(#","duration_ms":"#, record.duration, to: &line)
        if !record.dropped.isEmpty {
            member(#","dropped_params":"#, record.dropped.joined(separator: ","), to: &line)
        }
        problem(record, to: &line)
        if let id = record.upstreamRequestID { member(#","upstream_request_id":"#, id, to: &line) }
        line.writeStaticString("}\n")
        return line
    }

    private static func target(_ record: CallRecord, to line: inout ByteBuffer) {
        member(#","key":"#, record.key, to: &line)
        member(#","model":"#, record.model, to: &line)
        member(#","provider":"#, record.provider, to: &line)
        member(#","upstream_model":"#, record.upstreamModel, to: &line)
        if let key = record.upstreamKey { member(#","upstream_key":"#, key, to: &line) }
        if let sandbox = record.sandbox { member(#","sandbox":"#, sandbox, to: &line) }
        member(#","attempts":"#, record.attempts, to: &line)
        if !record.tries.isEmpty { tries(record.tries, to: &line) }
        if record.isHedged { line.writeStaticString(#","hedged":true"#) }
        if record.isDrained { line.writeStaticString(#","drained":true"#) }
        if let queued = record.queued { milliseconds(#","queued_ms":"#, queued, to: &line) }
        line.writeStaticString(record.isStream ? #","stream":true"# : #","stream":false"#)
    }

    private static func tries(_ tries: [CallRecord.Try], to line: inout ByteBuffer) {
        line.writeStaticString(#","tries":["#)
        for (index, one) in tries.enumerated() {
            if index > 0 { line.writeStaticString(",") }
            member(#"{"provider":"#, one.provider, to: &line)
            member(#","model":"#, one.model, to: &line)
            member(#","outcome":"#, one.outcome, to: &line)
            line.writeStaticString("}")
        }
        line.writeStaticString("]")
    }

    private static func usage(_ record: CallRecord, to line: inout ByteBuffer) {
        if let usage = record.usage {
            member(#","input_tokens":"#, usage.input, to: &line)
            member(#","output_tokens":"#, usage.output, to: &line)
            member(#","cached_input_tokens":"#, usage.cachedInput, to: &line)
            member(#","reasoning_tokens":"#, usage.reasoning, to: &line)
        }
        if let cost = record.cost {
            member(#","cost_unit":"#, cost.unit, to: &line)
            member(#","cost_amount":"#, cost.amount, to: &line)
        }
    }

    private static func problem(_ record: CallRecord, to line: inout ByteBuffer) {
        if let code = record.errorCode { member(#","error_code":"#, code.rawValue, to: &line) }
        guard let failure = record.failure else { return }
        member(#","failure":"#, failure.kind.label, to: &line)
        if !failure.detail.isEmpty { member(#","failure_detail":"#, String(failure.detail.prefix(500)), to: &line) }
    }

    /// - Parameter name: With the comma before it, quotes and colon.
    private static func member(_ name: StaticString, _ value: String, to line: inout ByteBuffer) {
        line.writeStaticString(name)
        JSONText.write(value, to: &line)
    }

    private static func member(_ name: StaticString, _ value: Int, to line: inout ByteBuffer) {
        line.writeStaticString(name)
        digits(UInt64(max(0, value)), minimum: 1, to: &line)
    }

    /// Milliseconds with three decimals, without floating point.
    private static func milliseconds(_ name: StaticString, _ amount: TimeAmount, to line: inout ByteBuffer) {
        let micros = UInt64(max(0, amount.nanoseconds / 1000))
        line.writeStaticString(name)
        digits(micros / 1000, minimum: 1, to: &line)
        line.writeInteger(UInt8(ascii: "."))
        digits(micros % 1000, minimum: 3, to: &line)
    }

    private static func digits(_ number: UInt64, minimum: Int, to line: inout ByteBuffer) {
        var place: UInt64 = 1
        var count = 1
        while count < minimum || number / place >= 10 {
            guard count < 20 else { break }
            place *= 10
            count += 1
        }
        var rest = number
        while place > 0 {
            line.writeInteger(UInt8(truncatingIfNeeded: 48 + rest / place))  // One digit.
            rest %= place
            place /= 10
        }
    }
}
