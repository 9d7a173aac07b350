import FoundationEssentials
import GatehouseCore
import NIOCore
import Testing

/// What the gateway counts of each recorded answer, and what it costs, against a calculation of its own (`golden.py`).
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct GoldenUsageTests {
    /// How an answer of each wire is asked for: by a caller of the same dialect where there is one.
    private static let callers: [(wire: Dialect, operation: GatehouseCore.Operation, streamType: String)] = [
        (.openAIChat, .chatCompletions, "text/event-stream"),
        (.openAICompletions, .completions, "text/event-stream"),
        (.openAIResponses, .responses, "text/event-stream"),
        (.anthropic, .messages, "text/event-stream"),
        (.gemini, .generateContent, "text/event-stream"),
        (.bedrock, .chatCompletions, "application/vnd.amazon.eventstream"),
        (.cohere, .chatCompletions, "text/event-stream"),
        (.ollama, .chatCompletions, "application/x-ndjson"),
    ]

    private struct Line {
        var counts: [Int]
        var cost: String
    }

    private static let golden: [String: Line] = {
        let path = #filePath.replacing(
            "GatehouseCoreTests/Money/GoldenUsageTests.swift", with: "Support/money/golden.csv")
        guard let bytes = FileManager.default.contents(atPath: path) else { return [:] }
        var lines: [String: Line] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ",")).map { String(decoding: $0, as: UTF8.self) }
            guard let id = fields.first, let cost = fields.last else { continue }
            lines[id] = Line(counts: fields.dropFirst().dropLast().compactMap { Int($0) }, cost: cost)
        }
        return lines
    }()

    /// The prices of `golden.py`.
    private static func price() throws -> Price {
        func price(_ text: String) throws -> TokenPrice { try #require(TokenPrice(text)) }
        var rates = Price.Rates(input: try price("1.000000000007"), output: try price("11.13"))
        rates.cachedInput = try price("0.101")
        rates.cacheWrite = try price("1.27")
        rates.cacheWriteHour = try price("2.03")
        rates.reasoning = try price("11.17")
        rates.imageInput = try price("3.01")
        rates.audioInput = try price("7.19")
        rates.audioOutput = try price("23.29")
        func twice(_ price: TokenPrice?) throws -> TokenPrice {
            try #require(price?.perMillion.times(2).flatMap(TokenPrice.init(perMillion:)))
        }
        var dear = Price.Rates(input: try twice(rates.input), output: try twice(rates.output))
        dear.cachedInput = try twice(rates.cachedInput)
        dear.cacheWrite = try twice(rates.cacheWrite)
        dear.cacheWriteHour = try twice(rates.cacheWriteHour)
        dear.reasoning = try twice(rates.reasoning)
        dear.imageInput = try twice(rates.imageInput)
        dear.audioInput = try twice(rates.audioInput)
        dear.audioOutput = try twice(rates.audioOutput)
        var price = Price(rates)
        price.tiers = [Price.Tier(above: 2000, rates: dear)]
        price.perRequest = try #require(Money("0.0003"))
        return price
    }

    /// What the machine of a call makes of a recording.
    private static func report(
        _ recording: Recording, _ caller: (Dialect, GatehouseCore.Operation, String)
    ) -> CallMachine.Report {
        let (wire, operation, streamType) = caller
        let start = recording.response.readableBytesView.first { $0 > 0x20 }
        let isArray = start == UInt8(ascii: "[")
        var options = StreamOptions()
        options.wantsUsage = true
        var machine = CallMachine(
            CallMachine.Plan(
                operation: operation, stream: recording.isStream, options: options, lane: .wire(wire),
                upstreamKind: .provider, terminator: .doneOrFinishReason,
                identity: AnswerIdentity(call: "1", model: "m", created: 1)))
        let type = recording.isStream && !isArray ? streamType : "application/json"
        _ = machine.received(head: UpstreamHead(status: 200, contentType: type))
        _ = machine.received(bytes: recording.response)
        _ = machine.receivedEnd()
        return machine.report()
    }

    @Test(arguments: callers.map(\.wire))
    func tokensAndCostAreThoseOfTheOtherCalculation(_ wire: Dialect) throws {
        let caller = try #require(Self.callers.first { $0.wire == wire })
        let price = try Self.price()
        var compared = 0
        for recording in Recording.all(wire.rawValue) {
            guard recording.status == 200, let golden = Self.golden[recording.id] else { continue }
            let report = Self.report(recording, (caller.wire, caller.operation, caller.streamType))
            guard case .completed = report.outcome else { continue }
            guard let usage = report.usage else {
                Issue.record("\(recording.id): no usage")
                continue
            }
            #expect(usage.counts == Self.inOrder(golden.counts), "\(recording.id)")
            #expect(UsageCost(usage, at: price)?.total.text == golden.cost, "\(recording.id)")
            compared += 1
        }
        // Most of the recordings are whole answers; were they not read, nothing would be compared.
        let known = Recording.all(wire.rawValue).filter { Self.golden[$0.id] != nil }.count
        #expect(compared * 10 >= known * 9, "\(compared) of \(known) were compared")
        #expect(known > 5)
    }

    /// From the order of `golden.csv` to that of `Usage.counts`.
    private static func inOrder(_ counts: [Int]) -> [Int] {
        guard counts.count == 8 else { return [] }
        return [counts[0], counts[1], counts[2], counts[5], counts[3], counts[4], counts[6], counts[7]]
    }
}
