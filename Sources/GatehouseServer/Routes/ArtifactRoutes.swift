import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix

/// `GET /api/artifacts/{session}` and `GET /api/artifacts/{session}/{file}`: what agents made, for the key that asked them.
/// Whatever is another's is as if it did not exist.
enum ArtifactRoutes {
    private static let root = "/api/artifacts"

    static func add(to routes: ControlRoutes, _ store: (any ArtifactStore)?) {
        routes.add(.get, root + "/**", .member) { request, caller async throws(GatehouseError) in
            guard let store, let caller, let (session, file) = parts(of: request.uri.path) else { throw unknown }
            let place = ArtifactPlace(owner: caller.principal.name, session: session)
            guard let file else {
                let artifacts = await offload { store.list(place) }
                guard !artifacts.isEmpty else { throw unknown }
                return OperationsRoutes.json(document(artifacts, session).text)
            }
            guard let content = await offload({ store.open(file, in: place) }) else { throw unknown }
            return try await download(file, content).response(to: request)
        }
    }

    private static var unknown: GatehouseError {
        GatehouseError(.notFound, "There is no such artifact. They are kept for a while, and for the key that asked.")
    }

    /// The session, and the file below it where one is named. What is encoded twice stays encoded once.
    private static func parts(of path: String) -> (session: String, file: String?)? {
        let rest = path.dropFirst(root.utf8.count + 1)
        let halves = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = halves.first, let session = PercentEncoding.decoded(first), !session.isEmpty,
            session.utf8.count <= 256
        else { return nil }
        guard halves.count == 2 else { return (session, nil) }
        guard let file = PercentEncoding.decoded(halves[1]), !file.isEmpty else { return nil }
        return (session, file)
    }

    private static func document(_ artifacts: [Artifact], _ session: String) -> JSONValue {
        .object([
            .init("session", .string(session)),
            .init(
                "artifacts",
                .array(
                    artifacts.map { artifact in
                        .object([
                            .init("name", .string(artifact.name)), .init("size", .int(artifact.size)),
                            .init("created_at", .int(artifact.created)),
                        ])
                    })),
        ])
    }

    /// What can do no harm when it is shown may be shown.
    private static func download(_ name: String, _ content: any FileContent) async throws(GatehouseError)
        -> FileDownload
    {
        let head = try await content.read(at: 0, count: 32)
        let type = ArtifactType.of(name, Array(head.readableBytesView))
        return FileDownload(name: name, type: type.text, isShown: type.isShown, content: content)
    }

    private static func offload<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in continuation.resume(returning: work()) }
        }
    }
}

/// What kind of file an artifact is, by its name and, where it is to be shown, by its first bytes.
struct ArtifactType: Equatable {
    var text: String
    /// Whether a browser may show it.
    var isShown: Bool

    private static let images: [(endings: [String], type: String, marks: [(offset: Int, bytes: [UInt8])])] = [
        ([".png"], "image/png", [(0, [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])]),
        ([".jpg", ".jpeg"], "image/jpeg", [(0, [0xFF, 0xD8, 0xFF])]),
        ([".gif"], "image/gif", [(0, Array("GIF8".utf8))]),
        ([".webp"], "image/webp", [(0, Array("RIFF".utf8)), (8, Array("WEBP".utf8))]),
    ]
    private static let texts = [".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".log", ".yaml", ".yml", ".toml"]

    static func of(_ name: String, _ head: [UInt8]) -> ArtifactType {
        let lower = name.lowercased()
        for image in images where image.endings.contains(where: { lower.hasSuffix($0) }) {
            if image.marks.allSatisfy({ head.dropFirst($0.offset).starts(with: $0.bytes) }) {
                return ArtifactType(text: image.type, isShown: true)
            }
        }
        if texts.contains(where: { lower.hasSuffix($0) }) {
            return ArtifactType(text: "text/plain; charset=utf-8", isShown: true)
        }
        return ArtifactType(text: "application/octet-stream", isShown: false)
    }
}
