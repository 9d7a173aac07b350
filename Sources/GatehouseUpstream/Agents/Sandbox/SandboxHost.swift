import Glibc

/// What this host offers for sandboxes, found out once.
struct SandboxHost: Sendable, Equatable {
    /// Absolute path of `bwrap`.
    var bubblewrap: String
    /// Absolute path of the supervisor, which is the first process of each sandbox.
    var supervisor: String
    /// Without them only root can put up a sandbox.
    var hasUserNamespaces: Bool
    var files: SandboxFiles
    /// The arguments for the part of the file system that is the same for all.
    var system: [String]

    init(bubblewrap: String, supervisor: String, hasUserNamespaces: Bool, files: SandboxFiles) {
        self.bubblewrap = bubblewrap
        self.supervisor = supervisor
        self.hasUserNamespaces = hasUserNamespaces
        self.files = files
        self.system = Self.system(files)
    }

    /// Of `/etc`: certificates, the resolver, time, and where the linker and Debian's alternatives look. No user's name, no
    /// key, no configuration of a service.
    private static let etc = [
        "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs", "pki/ca-trust", "resolv.conf", "hosts",
        "nsswitch.conf", "host.conf", "gai.conf", "localtime", "timezone", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
        "alternatives", "mime.types", "protocols", "services",
    ]

    private static func system(_ files: SandboxFiles) -> [String] {
        var arguments = ["--ro-bind", "/usr", "/usr"]
        for folder in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
            // On most systems they are links into /usr.
            if let target = link(folder) {
                arguments += ["--symlink", target, folder]
            } else {
                arguments += ["--ro-bind-try", folder, folder]
            }
        }
        for name in etc where InstalledFiles.exists("/etc/" + name) {
            arguments += ["--ro-bind", "/etc/" + name, "/etc/" + name]
        }
        return arguments + ["--ro-bind", files.users, "/etc/passwd", "--ro-bind", files.groups, "/etc/group"]
    }

    private static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &bytes, bytes.count)
        guard count > 0, count < bytes.count else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
