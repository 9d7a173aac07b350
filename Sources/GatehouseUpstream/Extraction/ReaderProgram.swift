import Glibc

/// The programs that read files, and what of the host a sandbox has to show for them.
package enum ReaderProgram {
    static let input = "/run/gatehouse/input"
    private static let place = "/run/gatehouse/reader"

    /// The running program.
    package static func ownPath() -> String? { InstalledFiles.real("/proc/self/exe") }

    /// One page more than is taken tells that there are more.
    static func pdf(_ program: String, path: String) -> ExtractionRun.Command {
        let arguments = ["-q", "-enc", "UTF-8", "-l", "501", input, "-"]
        let home = SandboxPlan.home
        return ExtractionRun.Command(
            words: [program] + arguments,
            installed: InstalledFiles.of(program, path: path, takesFolder: false, home: home), shown: [])
    }

    static func own(_ program: String, _ kind: TextReader.Kind) -> ExtractionRun.Command {
        ExtractionRun.Command(
            words: [place, "read-text", kind.rawValue, input], installed: libraries,
            shown: [SandboxPlan.Shown(path: program, place: place)])
    }

    /// What this process is linked with and is not the system's: none in a release, Swift's own in a build for tests.
    private static let libraries: [String] = {
        guard let file = fopen("/proc/self/maps", "re") else { return [] }
        defer { fclose(file) }
        var found: [String] = []
        var line = [CChar](repeating: 0, count: Int(PATH_MAX) + 128)
        while fgets(&line, CInt(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let slash = text.firstIndex(of: "/") else { continue }
            let path = String(text[slash...].prefix { $0 != "\n" })
            let isSystem = ["/usr/", "/lib/", "/lib64/"].contains { path.hasPrefix($0) }
            guard path.contains(".so"), !isSystem, !found.contains(path), InstalledFiles.isFile(path) else { continue }
            found.append(path)
        }
        return found
    }()
}
