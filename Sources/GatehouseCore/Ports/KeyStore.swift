/// Who holds which key. Synchronous, because it is asked once for every request on its event loop.
package protocol KeyStore: AnyObject, Sendable {
    /// The holder of `token`, the whole secret that a caller showed without its scheme; `nil` for an unknown one.
    ///
    /// The time taken does not tell how much of a wrong token was right.
    func principal(forToken token: Substring) -> Principal?

    /// Whether somebody who was found here or in an earlier table may go on.
    func holds(_ principal: Principal) -> Bool
}

extension KeyStore {
    package func holds(_ principal: Principal) -> Bool { true }

    /// The holder of `token`; `nil` for an unknown one.
    package func principal(forToken token: String) -> Principal? {
        principal(forToken: token[...])
    }
}
