package import GatehouseCore

/// What calls leave behind for those that go on from them.
package struct CallMemory: Sendable {
    package let seals: SealMemory
    package let conversations: any ConversationStore

    package init(seals: SealMemory = SealMemory(), conversations: any ConversationStore = ConversationMemory()) {
        self.seals = seals
        self.conversations = conversations
    }
}
