import FoundationEssentials
import GatehouseCore
import Testing

/// A promise that holds for every recording.
enum Law: String, CaseIterable {
    case request, answer, splits, stream, own, parts, signatures, crossing, prefix, schemas

    /// What it says, for docs/conformance.md.
    var statement: String {
        switch self {
        case .request: "A request, read and written again in its own dialect, is the same JSON value."
        case .answer: "A whole answer, read and written again in its own dialect, is the same JSON value."
        case .splits: "A stream gives the same events however its bytes are split: byte by byte, and at random."
        case .stream: "A stream is read to its end, and is an answer that says something."
        case .own: "An answer, written in its own dialect and read again, whole and as a stream, says the same."
        case .parts:
            "A stream keeps every part, seals and native parts included: written and read again, or compared with the "
                + "whole that its last event repeats (Responses)."
        case .signatures: "Every seal arrives with its part, byte for byte and in order."
        case .crossing:
            "An answer, written in the caller's dialect and read again, whole and as a stream, has the same texts, "
                + "refusals, tool calls with arguments as JSON values, thinking, citations, finish reason and usage."
        case .prefix:
            "A request, written for an upstream with one more turn, repeats what it was without that turn, so that the "
                + "upstream's cache is met: tools and options, and every message of before, byte for byte."
        case .schemas:
            "Every schema of a function, written for a Gemini model that takes no JSON schema, has only what Gemini's "
                + "`Schema` knows."
        }
    }
}

/// What a law finds in one recording.
enum Verdict: Equatable {
    case holds
    /// In what it fails.
    case fails(String)
    /// There is nothing to check, and why.
    case notUsable(String)

    init(_ problem: String?) {
        self = problem.map { .fails($0) } ?? .holds
    }
}

/// Checks a law over recordings, and writes down what came of it for docs/conformance.md where the variable
/// `GATEHOUSE_CONFORMANCE` names a folder.
enum Conformance {
    private static let folder = ProcessInfo.processInfo.environment["GATEHOUSE_CONFORMANCE"]

    /// `exceptions` names recordings that cannot hold the law, and why. One that holds it all the same fails the test, so
    /// that the table stays true.
    static func check(
        _ law: Law, _ wire: String, caller: Dialect? = nil, over recordings: [Recording],
        exceptions: [String: String] = [:], _ verdict: (Recording) -> Verdict
    ) {
        var passed = 0
        var holes: [String: String] = [:]
        var unusable: [String: String] = [:]
        var failures: [String] = []
        for recording in recordings {
            let id = recording.id
            switch (verdict(recording), exceptions[id]) {
            case (.holds, nil): passed += 1
            case (.fails, let reason?): holes[id] = reason
            case (.notUsable(let reason), nil): unusable[id] = reason
            case (.fails(let problem), nil): failures.append("\(id): \(problem)")
            case (.holds, _?): failures.append("\(id): listed as an exception, and holds")
            case (.notUsable(let reason), _?):
                failures.append("\(id): listed as an exception, and not usable: \(reason)")
            }
        }
        for id in exceptions.keys where !recordings.contains(where: { $0.id == id }) {
            failures.append("\(id): listed as an exception, and not there")
        }
        let title = "\(law) of \(wire)\(caller.map { " to \($0.rawValue)" } ?? "")"
        let checked = recordings.count - unusable.count
        #expect(passed > 0, "\(title): nothing was checked")
        #expect(
            failures.isEmpty,
            "\(title): \(failures.count) of \(checked)\n\(failures.sorted().joined(separator: "\n"))")
        #expect((checked - passed) * 100 <= checked, "\(title): only \(passed) of \(checked) hold it")
        write(
            "law-\(law)-\(wire)\(caller.map { "-\($0.rawValue)" } ?? "")",
            .object([
                "law": .string(law.rawValue), "wire": .string(wire), "caller": caller.map { .string($0.rawValue) },
                "statement": .string(law.statement), "total": .int(checked), "passed": .int(passed),
                "holes": list(holes), "unusable": list(unusable),
                "failures": .array(failures.sorted().map { .string($0) }),
            ]))
    }

    /// Writes a document for scripts/conformance, where someone wants it.
    static func write(_ name: String, _ document: JSONValue) {
        guard let folder else { return }
        let path = "\(folder)/\(name).json"
        let isWritten = FileManager.default.createFile(atPath: path, contents: Data((document.text + "\n").utf8))
        #expect(isWritten, "cannot write \(path)")
    }

    private static func list(_ reasons: [String: String]) -> JSONValue {
        .array(
            reasons.sorted { $0.key < $1.key }.map { id, reason in
                .object([JSONValue.Member("id", .string(id)), JSONValue.Member("reason", .string(reason))])
            })
    }
}
