import GatehouseCore
import NIOCore

/// Which files a call names, and what its targets need of them.
struct CallFiles {
    /// The session that is meant where none is named, as uploads have it.
    static let defaultSession = "default"

    /// What is to be loaded; `nil` where the call names none.
    static func wish(
        _ call: CallRequest, _ head: CallHead, _ plan: RoutePlan, previous: [JSONValue]?, history: [Message]
    ) throws(GatehouseError) -> FileLoader.Wish? {
        guard call.operation.surface == .generation, call.contentType == nil else { return nil }
        let isNamed = head.namesFiles || FileReferences.mayBe(in: call.body)
        let past = CanonicalRequest(model: "", messages: history).fileIDs
        guard isNamed || previous != nil || !past.isEmpty,
            let document = try? JSONValue(parsing: call.body.readableBytesView)
        else {
            return nil
        }
        let ids = isNamed ? try call.operation.dialect.codec.decodeRequest(document).fileIDs : []
        var pastIDs = past
        if let previous {
            let whole = try ResponsesHistory.join(previous, into: document)
            pastIDs = try call.operation.dialect.codec.decodeRequest(whole).fileIDs
        }
        guard !ids.isEmpty || !pastIDs.isEmpty else { return nil }
        var wish = FileLoader.Wish(
            ids: ids, owner: call.principal.name, session: call.session ?? defaultSession)
        wish.past = pastIDs
        for place in plan.places {
            // Who opens files by itself has a use for the text of documents, beside them.
            let opens = place.route.entry.upstream.takesFiles
            if !opens { wish.needs.contents = true }
            if opens || !takesDocuments(place.route, place.condition?.features) { wish.needs.documentTexts = true }
        }
        return wish
    }

    /// Whether a target reads PDF files by itself: what the operator says, else what is known of such providers.
    static func takesDocuments(_ route: Route, _ features: Features?) -> Bool {
        if let features { return features.contains(.documents) }
        return ["anthropic", "gemini", "vertex", "bedrock", "openai", "azure-openai"].contains(route.entry.providerKind)
    }

    /// Puts files in their places, for one target.
    static func place(
        _ files: [String: GivenFile], into request: inout CanonicalRequest, takesDocuments: Bool, mark: String
    ) {
        let forms = FileForms(takesDocuments: takesDocuments, mark: mark)
        request.placeFiles { id, part in files[id].map { forms.parts(for: $0, in: part) } ?? [missing] }
    }

    /// The same for a target that takes files as they are: of those that an earlier turn named, some may be gone.
    static func placeMissing(_ files: [String: GivenFile], in request: inout CanonicalRequest) {
        request.placeFiles { id, _ in files[id] == nil ? [missing] : nil }
    }

    private static let missing = Part.text("A file was given here that is kept no more.")
}
