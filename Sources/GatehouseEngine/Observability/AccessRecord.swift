package import GatehouseCore
import NIOCore

/// The access record of a settled call, one line of JSON. Written for every call: it builds no strings.
package enum AccessRecord {
    package static func write(_ record: CallRecord, _ time: Timestamp, to line: inout TextWriter) {
        line.literal(#"{"time":""#)
        time.write(to: &line)
        line.literal(#"","level":"info","label":"access","message":"call","request_id":"#)
        line.quoted(record.id)
        if let operation = record.operation {
            line.literal(#","method":"POST","path":""#)
            line.literal(operation.path)
            line.literal(#"","route":""#)
            line.text(operation.rawValue)
            line.literal("\"")
        } else {
            line.literal(#","route":"none""#)
        }
        line.literal(#","status":"#)
        count(record.status, to: &line)
        line.literal(#","outcome":"#)
        line.quoted(record.outcomeLabel)
        target(record, to: &line)
        usage(record, to: &line)
        line.literal(#","bytes_in":"#)
        count(record.bytesIn, to: &line)
        line.literal(#","bytes_out":"#)
        count(record.bytesOut, to: &line)
        if let first = record.timeToFirstByte {
            line.literal(#","ttfb_ms":"#)
            milliseconds(first, to: &line)
        }
        line.literal(#","duration_ms":"#)
        milliseconds(record.duration, to: &line)
        rest(record, to: &line)
        line.literal("}\n")
    }

    private static func target(_ record: CallRecord, to line: inout TextWriter) {
        line.literal(#","key":"#)
        line.quoted(record.key)
        line.literal(#","model":"#)
        line.quoted(record.model)
        line.literal(#","provider":"#)
        line.quoted(record.provider)
        line.literal(#","upstream_model":"#)
        line.quoted(record.upstreamModel)
        if let key = record.upstreamKey {
            line.literal(#","upstream_key":"#)
            line.quoted(key)
        }
        if let account = record.account {
            line.literal(#","account":"#)
            line.quoted(account)
        }
        if let sandbox = record.sandbox {
            line.literal(#","sandbox":"#)
            line.quoted(sandbox)
        }
        line.literal(#","attempts":"#)
        count(record.attempts, to: &line)
        if !record.tries.isEmpty { tries(record.tries, to: &line) }
        if record.isHedged { line.literal(#","hedged":true"#) }
        if record.isDrained { line.literal(#","drained":true"#) }
        if let cache = record.cache {
            line.literal(#","cache":"#)
            line.quoted(cache.rawValue)
        }
        if let queued = record.queued {
            line.literal(#","queued_ms":"#)
            milliseconds(queued, to: &line)
        }
        line.literal(#","stream":"#)
        if record.isStream { line.literal("true") } else { line.literal("false") }
    }

    private static func tries(_ tries: [CallRecord.Try], to line: inout TextWriter) {
        line.literal(#","tries":["#)
        for (index, one) in tries.enumerated() {
            if index > 0 { line.literal(",") }
            line.literal(#"{"provider":"#)
            line.quoted(one.provider)
            line.literal(#","model":"#)
            line.quoted(one.model)
            line.literal(#","outcome":"#)
            line.quoted(one.outcome)
            line.literal("}")
        }
        line.literal("]")
    }

    private static func usage(_ record: CallRecord, to line: inout TextWriter) {
        if let usage = record.usage {
            line.literal(#","input_tokens":"#)
            count(usage.input, to: &line)
            line.literal(#","output_tokens":"#)
            count(usage.output, to: &line)
            line.literal(#","cached_input_tokens":"#)
            count(usage.cachedInput, to: &line)
            line.literal(#","reasoning_tokens":"#)
            count(usage.reasoning, to: &line)
        }
        if let price = record.price {
            line.literal(#","cost":"#)
            line.quoted(price.amount.text)
            line.literal(#","currency":"#)
            line.quoted(price.currency)
        }
        if let cost = record.cost {
            line.literal(#","cost_unit":"#)
            line.quoted(cost.unit)
            line.literal(#","cost_amount":"#)
            line.quoted(cost.amount)
        }
    }

    /// What few calls have.
    private static func rest(_ record: CallRecord, to line: inout TextWriter) {
        if !record.dropped.isEmpty {
            line.literal(#","dropped_params":"#)
            line.quoted(record.dropped.joined(separator: ","))
        }
        if let code = record.errorCode {
            line.literal(#","error_code":"#)
            line.quoted(code.rawValue)
        }
        if let failure = record.failure {
            line.literal(#","failure":"#)
            line.quoted(failure.kind.label)
            if !failure.detail.isEmpty {
                line.literal(#","failure_detail":"#)
                line.quoted(String(failure.detail.prefix(500)))
            }
        }
        if let id = record.upstreamRequestID {
            line.literal(#","upstream_request_id":"#)
            line.quoted(id)
        }
    }

    private static func count(_ number: Int, to line: inout TextWriter) {
        line.decimal(UInt64(max(0, number)))
    }

    /// Milliseconds with three decimals, without floating point.
    private static func milliseconds(_ amount: TimeAmount, to line: inout TextWriter) {
        let micros = UInt64(max(0, amount.nanoseconds / 1000))
        line.decimal(micros / 1000)
        line.byte(UInt8(ascii: "."))
        line.decimal(micros % 1000, minimum: 3)
    }
}
