/// Whose artifacts: those of one caller's session. Another caller's session of the same name is another place.
package struct ArtifactPlace: Sendable, Hashable {
    /// The name of the caller's key.
    package var owner: String
    package var session: String

    package init(owner: String, session: String) {
        self.owner = owner
        self.session = session
    }
}

/// A file that an agent made.
package struct Artifact: Sendable, Equatable {
    /// Its path in the folder that the agent worked in, made harmless: no part of it is hidden, empty, or leads elsewhere.
    package var name: String
    package var size: Int
    /// Seconds since 1970.
    package var created: Int

    package init(name: String, size: Int, created: Int) {
        self.name = name
        self.size = size
        self.created = created
    }
}

/// What was in a folder at one moment, to be compared with later.
package struct FolderSnapshot: Sendable, Equatable {
    /// What tells one state of a file from another.
    package struct Mark: Sendable, Equatable {
        package var inode: UInt64
        package var size: Int
        /// Nanoseconds since 1970.
        package var changed: Int

        package init(inode: UInt64, size: Int, changed: Int) {
            self.inode = inode
            self.size = size
            self.changed = changed
        }
    }

    /// By path below the folder.
    package var files: [String: Mark]

    package init(files: [String: Mark] = [:]) {
        self.files = files
    }
}

/// What came of a look for artifacts.
package struct ArtifactHarvest: Sendable, Equatable {
    package var kept: [Artifact] = []
    /// Files that were there and were not kept: too large, too many, or no plain files.
    package var refused = 0

    package init() {}
}

/// Keeps the files that agents make, for their callers. All of it works on disks: it is called on threads that may block.
package protocol ArtifactStore: AnyObject, Sendable {
    /// What is in a folder now. An unreadable one counts as empty.
    func snapshot(of folder: String) -> FolderSnapshot

    /// Keeps what is new or different in a folder since `snapshot`, within the limits; what was kept under the same name
    /// before is replaced. No link is followed; who writes into the folder meanwhile can spoil the copies of his own files,
    /// and nothing else.
    func collect(_ folder: String, since snapshot: FolderSnapshot, for place: ArtifactPlace) -> ArtifactHarvest

    /// In the order of their names.
    func list(_ place: ArtifactPlace) -> [Artifact]

    /// Removes all of one place.
    func remove(_ place: ArtifactPlace)

    /// The content of one; `nil` when there is none of this name.
    func open(_ name: String, in place: ArtifactPlace) -> (any FileContent)?
}
