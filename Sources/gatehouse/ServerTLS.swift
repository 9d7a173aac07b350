import GatehouseEngine
import NIOSSL

extension ServerConfiguration.TLS {
    /// The listener's TLS; `nil` when it speaks plain HTTP.
    func makeContext() throws -> NIOSSLContext? {
        guard let certificate, let key else { return nil }
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
