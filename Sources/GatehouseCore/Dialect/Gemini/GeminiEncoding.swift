/// What is known and gathered while a request is written for a target.
struct GeminiEncoding {
    /// Letters, digits and `_ . : -`, at most 64, first a letter or an underscore (FunctionDeclaration.name).
    static let nameRule = NameRule(1...64, marks: "_.:-", startsWithLetter: true)

    let target: TargetTraits
    let model: GeminiModel
    /// What is written just now came in this dialect: nothing is mended or left out.
    var isOwn = false
    private(set) var names = NameMap()
    private(set) var dropped: [String] = []
    private var reported: Set<String> = []

    init(_ target: TargetTraits) {
        self.target = target
        model = GeminiModel(target.model)
    }

    var isVertex: Bool { target.kind == "vertex" }

    /// `parametersJsonSchema` takes a JSON schema as it is; the first generation knows only the subset of OpenAPI.
    var takesJSONSchema: Bool { model.isAtLeast(2) }

    /// `responseJsonSchema` came with 2.5.
    var answersJSONSchema: Bool { model.isAtLeast(2, 5) }

    /// Vertex refuses `id` in calls and results for models before 3; Gemini 3 wants its ids back.
    var takesCallIDs: Bool { !isVertex || model.isAtLeast(3) }

    /// Pictures inside a `functionResponse`.
    var takesMediaInResults: Bool { model.isAtLeast(3) }

    /// Without a signature on the first call of a step these refuse the request.
    var checksSignatures: Bool { !target.model.isEmpty && model.isAtLeast(3) }

    mutating func name(_ name: String) -> String { names.legal(name, Self.nameRule) }

    mutating func drop(_ field: String) {
        if reported.insert(field).inserted { dropped.append(field) }
    }

    mutating func drop(_ fields: [String]) {
        for field in fields { drop(field) }
    }
}
