import CShim

/// How this process deals with memory.
package enum ProcessMemory {
    /// From now on pieces of a megabyte and more go back to the system when they are freed: the longest line of an agent,
    /// or the body of a large call, costs memory while it is there and not longer.
    package static func returnLargePieces() {
        gatehouse_return_large_memory()
    }

    /// Lets go of the code that was needed to start, half of all memory at rest.
    package static func forgetStart() {
        gatehouse_forget_code()
    }
}
