import NIOCore
import GatehouseCore
import GatehouseEngine
import Logging
import Glibc

final class Quiet: CallObserver { func settled(_ record: CallRecord) { if getenv("LOGREC") != nil { let b = AccessRecord.render(record, time: "x"); print(String(buffer: b)) } } }
var c = GatehouseConfiguration()
if let url = getenv("UP").map({ String(cString: $0) }) { var p = ProviderConfiguration(name: "mock", kind: "openai"); p.baseURL = url; p.keys = [.init(name: "main", value: Secret("sk-mock"))]; c.providers = [p] }
c.server.port = 18080
c.server.workers = getenv("WORKERS").flatMap { Int(String(cString: $0)) }
let comp = Composition(configuration: c, dataDirectory: "/tmp/gh-data", adminKey: Secret("gh-admin"), environment: [:], logger: Logger(label: "x"), observer: Quiet(), renderMetrics: nil, version: "0.1.0")
mkdir("/tmp/gh-data", 0o700)
try await comp.serve(onRunning: { print("port", $0) }, onReload: { nil })
