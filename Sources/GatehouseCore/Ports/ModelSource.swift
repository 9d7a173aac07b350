/// Something that knows by itself which models it has.
package protocol ModelSource: AnyObject, Sendable {
    /// The names of its models, as it calls them.
    ///
    /// - Throws: `Failure` when it cannot be asked now, or has no such list.
    func models() async throws(Failure) -> [String]
}
