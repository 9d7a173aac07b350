import CShim
import Crypto
import GatehouseCore
import Glibc

/// Contents of files below one folder, each under a name that comes from its owner and its digest: what an owner uploads
/// twice is there once, and nobody learns that somebody else has the same.
final class BlobFolder: Sendable {
    let path: String
    /// Of the folder; open for as long as this lives.
    let descriptor: Int32

    /// - Throws: When the folder cannot be made or used.
    init(path: String) throws(StoreError) {
        self.path = path
        var isNew = try Self.make(path)
        for part in 0...255 {
            isNew = try Self.make(path + "/" + Self.hex([UInt8(part)])) || isNew
        }
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreError(.io, path, "cannot be opened: \(PrivateFile.reason())") }
        // A content is as safe as the folders that lead to it.
        if isNew {
            guard fsync(descriptor) == 0 else {
                throw StoreError(.io, path, "cannot be written: \(PrivateFile.reason())")
            }
            try PrivateFile.sync(path + "/..")
        }
    }

    /// Whether the folder had to be made.
    private static func make(_ folder: String) throws(StoreError) -> Bool {
        if mkdir(folder, 0o700) == 0 { return true }
        guard errno == EEXIST else {
            throw StoreError(.io, folder, "cannot be made: \(PrivateFile.reason())")
        }
        return false
    }

    deinit {
        close(descriptor)
    }

    /// Where a content of an owner lies, below the folder.
    static func name(owner: String, digest: String) -> String {
        var hash = SHA256()
        hash.update(data: Array(owner.utf8))
        hash.update(data: [0])
        hash.update(data: Array(digest.utf8))
        let text = hex(Array(hash.finalize()))
        return text.prefix(2) + "/" + text
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Bytes that are free on the disk for this user; `nil` where that is not known.
    var free: Int? {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { return nil }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// A file without a name; where the file system has none, one with a name that is swept when it is left behind.
    func makeDraft() throws(GatehouseError) -> (file: Int32, name: String?) {
        let file = gatehouse_open_draft(descriptor)
        if file >= 0 { return (file, nil) }
        guard [EOPNOTSUPP, EISDIR, EINVAL, ENOENT].contains(-file) else { throw Self.error(-file) }
        let name = ".draft-" + String(UInt64.random(in: .min ... .max), radix: 36)
        let named = openat(descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard named >= 0 else { throw Self.error(errno) }
        return (named, name)
    }

    /// Of a draft that outlives the process.
    static func draftName(_ id: String) -> String { lasting + id }
    static let lasting = ".upload-"

    /// Opens a draft that outlives the process, or makes it.
    ///
    /// - Throws: `file_not_found` where there is none, and none is to be made.
    func openDraft(_ name: String, isNew: Bool) throws(GatehouseError) -> Int32 {
        let flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (isNew ? O_CREAT | O_EXCL : 0)
        let file = openat(descriptor, name, flags, 0o600)
        guard file >= 0 else {
            guard errno != ENOENT else { throw GatehouseError(.fileNotFound, "Nothing of this upload is here.") }
            throw Self.error(errno)
        }
        // Its name must be there for whoever comes for it.
        guard !isNew || fsync(descriptor) == 0 else {
            let error = Self.error(errno)
            close(file)
            remove(name)
            throw error
        }
        return file
    }

    /// Gives a draft its final name, on the disk when this returns. One that is there already is as good.
    func link(_ draft: (file: Int32, name: String?), as name: String) throws(GatehouseError) {
        let error =
            if let own = draft.name {
                linkat(descriptor, own, descriptor, name, 0) == 0 ? 0 : errno
            } else {
                gatehouse_link_draft(draft.file, descriptor, name)
            }
        guard error == 0 || error == EEXIST else { throw Self.error(error) }
        try sync(folderOf: name)
    }

    private func sync(folderOf name: String) throws(GatehouseError) {
        let folder = openat(descriptor, String(name.prefix(2)), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw Self.error(errno) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw Self.error(errno) }
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Seconds since 1970 when it was last touched; `nil` where it is not there.
    func age(_ name: String) -> Int? {
        var status = stat()
        guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return Int(status.st_ctim.tv_sec)
    }

    /// A descriptor for reading; `nil` where there is none of this name, or it is no plain file.
    func open(_ name: String) -> (file: Int32, size: Int)? {
        let file = gatehouse_open_beneath(descriptor, name)
        guard file >= 0 else { return nil }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(file)
            return nil
        }
        return (file, Int(status.st_size))
    }

    /// The names of the contents in one of the folders, with it.
    func names(in folder: String) -> [String] {
        entries(of: folder).filter { $0.utf8.first != UInt8(ascii: ".") }.map { folder + "/" + $0 }
    }

    /// Drafts that have names.
    func drafts() -> [String] {
        entries(of: ".").filter { $0.hasPrefix(".draft-") }
    }

    /// Ids of drafts that outlive the process.
    func lastingDrafts() -> [String] {
        entries(of: ".").filter { $0.hasPrefix(Self.lasting) }.map { String($0.dropFirst(Self.lasting.utf8.count)) }
    }

    private func entries(of folder: String) -> [String] {
        let list = openat(descriptor, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard list >= 0 else { return [] }
        guard let directory = fdopendir(list) else {
            close(list)
            return []
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
            if let text = String(validating: name, as: UTF8.self), text != ".", text != ".." { names.append(text) }
        }
        return names
    }

    @discardableResult
    func remove(_ name: String) -> Bool { unlinkat(descriptor, name, 0) == 0 }

    /// What a failure of the disk is to a caller.
    static func error(_ number: Int32) -> GatehouseError {
        switch number {
        case ENOSPC, EDQUOT: SQLiteFailure.full
        default: GatehouseError(.storageUnavailable, "The disk cannot be used. Try later.", retryAfter: 5)
        }
    }
}
