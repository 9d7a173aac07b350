package import GatehouseCore

/// What calls leave behind for those that go on from them.
package struct CallMemory: Sendable {
    package let seals: SealMemory
    package let conversations: any ConversationStore
    /// Reads uploaded files; `nil` where none are kept.
    package let files: FileLoader?
    /// Takes calls that are to go on without their callers; `nil` where that is not offered.
    package var runs: RunService?
    /// Sessions in which a turn is being answered.
    package let turns = SessionTurns()

    package init(
        seals: SealMemory = SealMemory(), conversations: any ConversationStore = ConversationMemory(),
        files: FileLoader? = nil
    ) {
        self.seals = seals
        self.conversations = conversations
        self.files = files
    }
}
