import Glibc

/// Finds the files of the host that an executable needs to run, where these are not those of the system: the package it
/// belongs to, and the interpreter that its first line names.
///
/// It follows links and first lines. What a package is, is known by the habits of those who install: npm and its
/// version managers, pipx, uv, virtual environments, `/opt`.
struct InstalledFiles {
    /// The `PATH` on which interpreters are looked up.
    let path: String
    /// Whether what lies beside the executable belongs to it; else it is taken alone.
    let takesFolder: Bool
    /// Folders that hold more than one program, and much else: of these only single files are taken.
    let shared: Set<String>
    private var visited: Set<String> = []
    private var found: [String] = []

    /// Folders below a home in which a manager keeps what it installed; such a folder is taken as a whole.
    private static let managers = [
        ".nvm", ".fnm", ".volta", ".asdf", ".nodenv", ".bun", ".deno", ".proto", ".pyenv", ".opencode", ".npm-global",
        ".local/share/fnm", ".local/share/mise", ".local/share/uv", ".local/share/pipx", ".local/pipx",
        ".local/share/claude", ".local/share/cursor-agent", ".linuxbrew",
    ]

    private init(path: String, takesFolder: Bool, shared: Set<String>) {
        self.path = path
        self.takesFolder = takesFolder
        self.shared = shared
    }

    /// Files and folders, each an absolute path, those of the system left out.
    static func of(_ executable: String, path: String, takesFolder: Bool, home: String) -> [String] {
        var shared: Set<String> = ["/", "/home", "/root", "/tmp", "/var", "/var/tmp", "/srv", "/opt", "/mnt", "/media"]
        for folder in ["", "/bin", "/.local", "/.local/bin", "/.local/share", "/.local/lib", "/.config"] {
            shared.insert(home + folder)
        }
        var files = InstalledFiles(path: path, takesFolder: takesFolder, shared: shared)
        files.visit(executable, depth: 0)
        return files.found
    }

    private mutating func visit(_ file: String, depth: Int) {
        guard depth < 10, Self.exists(file), visited.insert(file).inserted else { return }
        take(package(of: file))
        if let target = Self.link(file) {
            visit(target, depth: depth + 1)
        } else if let real = Self.real(file), real != file {
            visit(real, depth: depth + 1)
        } else if let interpreter = interpreter(of: file) {
            visit(interpreter, depth: depth + 1)
        }
    }

    private mutating func take(_ place: String) {
        let isThere = found.contains { place == $0 || place.hasPrefix($0 + "/") }
        if !isThere, !Self.isOfSystem(place) { found.append(place) }
    }

    private static func isOfSystem(_ place: String) -> Bool {
        ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/etc/alternatives/"].contains { (place + "/").hasPrefix($0) }
    }

    // MARK: Packages

    private func package(of file: String) -> String {
        let folder = Self.parent(file)
        for manager in Self.managers {
            if let range = Self.range(of: "/\(manager)/", in: file) { return String(file[..<range]) }
        }
        if let range = Self.range(of: "/node_modules/", in: file, dropping: "/node_modules") {
            let root = String(file[..<range])
            let prefix = root.hasSuffix("/lib") ? Self.parent(root) : root
            return allowed(prefix) ?? Self.module(of: file, below: range)
        }
        if file.hasPrefix("/opt/") {
            let name = file.dropFirst("/opt/".count).prefix { $0 != "/" }
            return "/opt/\(name)"
        }
        if folder.hasSuffix("/bin"), let prefix = allowed(Self.parent(folder)),
            ["/bin/python", "/bin/python3", "/lib/node_modules"].contains(where: { Self.exists(prefix + $0) })
        {
            return prefix
        }
        return takesFolder ? allowed(folder) ?? file : file
    }

    private func allowed(_ folder: String) -> String? {
        folder.isEmpty || shared.contains(folder) ? nil : folder
    }

    /// `…/node_modules/name` or `…/node_modules/@scope/name`.
    private static func module(of file: String, below root: String.Index) -> String {
        let rest = file[root...].split(separator: "/")
        let count = rest.dropFirst().first?.hasPrefix("@") == true ? 3 : 2
        return file[..<root] + "/" + rest.prefix(count).joined(separator: "/")
    }

    /// The end of the first occurrence of `pattern` without the slash at its end, or its start when `dropping` all.
    private static func range(of pattern: String, in text: String, dropping: String = "") -> String.Index? {
        let bytes = Array(text.utf8)
        let sought = Array(pattern.utf8)
        guard bytes.count >= sought.count else { return nil }
        for start in 0...(bytes.count - sought.count) where bytes[start...].starts(with: sought) {
            let length = sought.count - 1 - dropping.utf8.count
            return text.utf8.index(text.utf8.startIndex, offsetBy: start + length)
        }
        return nil
    }

    // MARK: Interpreters

    /// What the first line of a script names: `#!/usr/bin/python3 -I`, `#!/usr/bin/env -S node --flag`.
    private func interpreter(of file: String) -> String? {
        guard let line = Self.firstLine(of: file), line.hasPrefix("#!") else { return nil }
        var words = line.dropFirst(2).split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard let first = words.first, first.hasPrefix("/") else { return nil }
        guard first.hasSuffix("/env") else { return first }
        words.removeFirst()
        let name = words.first { !$0.hasPrefix("-") && !$0.contains("=") }
        return name.flatMap { AgentDiscovery.find($0, path: path) }
    }

    private static func firstLine(of file: String) -> String? {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 2 else { return nil }
        return String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
    }

    // MARK: Files

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[..<slash])
    }

    /// Where a link leads, as an absolute path; `nil` for what is no link.
    private static func link(_ file: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { readlink(file, $0, characters.count) } ?? -1
            }
        }
        guard count > 0, count < bytes.count else { return nil }
        let target = String(decoding: bytes[..<count], as: UTF8.self)
        return normalized(target.hasPrefix("/") ? target : parent(file) + "/" + target)
    }

    /// Without `.` and `..`, as they are written.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The path without any link in it; `nil` when there is nothing.
    static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }
}
