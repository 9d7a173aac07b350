/// What a look at one part of a gateway found, for the operator.
package struct Finding: Sendable, Equatable {
    package enum Verdict: String, Sendable, CaseIterable {
        case ok
        /// Worth knowing; it works.
        case notice
        /// It does not work as it is configured.
        case broken
        /// Not looked at; the detail says why.
        case skipped
    }

    /// What was looked at: `agent claude`.
    package var subject: String
    /// What of it: `version`.
    package var check: String
    package var verdict: Verdict
    package var detail: String
    /// What to do about it; empty when nothing needs to be done.
    package var advice: String

    package init(_ subject: String, _ check: String, _ verdict: Verdict, _ detail: String, advice: String = "") {
        self.subject = subject
        self.check = check
        self.verdict = verdict
        self.detail = detail
        self.advice = advice
    }
}
