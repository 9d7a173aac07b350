/// What the gateway must know of a `multipart/form-data` request that it passes through otherwise untouched.
package struct MultipartHead: Sendable, Equatable {
    /// A small field that was asked for.
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: String
        /// Where the value stands in the body.
        package var range: Range<Int>
    }

    /// In the order they came.
    package var fields: [Field] = []
    /// Names of all parts, files included, in the order they came.
    package var names: [String] = []

    package init() {}

    package func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The model's name; `nil` where the caller leaves the choice to the provider.
    ///
    /// - Throws: `invalid_value` when it cannot be the name of a model.
    package func model() throws(GatehouseError) -> String? {
        guard let name = value("model") else { return nil }
        guard PassThroughHead.isModelName(name) else {
            throw JSONFields.invalid("model", "must have 1 to 256 bytes and neither blanks nor control characters")
        }
        return name
    }

    /// The edit that puts the target's name of the model in; none when the caller named no model, or for a name that
    /// could be taken for the end of the part.
    package func splice(model target: String) -> JSONSplice {
        var splice = JSONSplice()
        guard let field = fields.first(where: { $0.name == "model" }), field.value != target,
            PassThroughHead.isModelName(target)
        else { return splice }
        splice.replace(field.range, with: Array(target.utf8))
        return splice
    }
}
