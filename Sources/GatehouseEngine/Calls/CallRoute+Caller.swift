import GatehouseCore
import NIOCore

extension CallRoute.Caller {
    /// What a plan wants to know of a call. The body is read a second time only for plans that look into it.
    init(_ request: CallRequest, _ head: CallHead, _ plan: RoutePlan, _ files: [String: GivenFile]? = nil) {
        owner = request.principal.name
        mayRepeat = request.mayRepeat
        let stickiness = plan.settings.stickiness
        let wantsContent = plan.wantsNeeds || stickiness == .user || stickiness == .prefix
        var canonical = wantsContent ? Self.canonical(request) : nil
        // As text, a document needs nothing.
        if let files { canonical?.placeFiles { id, part in Self.plain(files[id], part) } }
        sticky = stickiness.key(owner: owner, session: request.session, request: canonical)
        account =
            sticky
            ?? (plan.hasAccounts ? Stickiness.session.key(owner: owner, session: request.session, request: nil) : nil)
        guard plan.wantsTraits else { return }
        var traits = CallTraits(key: owner, bytes: request.body.readableBytes, output: head.maxTokens)
        traits.headers = request.headers
        traits.needs = canonical.map(Features.init(neededBy:))
        self.traits = traits
    }

    private static func plain(_ file: GivenFile?, _ part: Part) -> [Part]? {
        switch file?.type.family {
        case .image, .audio, .video: nil
        case .text, .markup, .document, .office, .archive, .other, nil: [.text("")]
        }
    }

    /// `nil` for what is no generation, or says something that no other dialect could.
    private static func canonical(_ request: CallRequest) -> CanonicalRequest? {
        guard request.operation.surface == .generation, request.contentType == nil,
            let document = try? JSONValue(parsing: request.body.readableBytesView)
        else { return nil }
        return try? request.operation.dialect.codec.decodeRequest(document)
    }
}
