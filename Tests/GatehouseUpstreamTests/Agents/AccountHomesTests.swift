import GatehouseCore
import Glibc
import Synchronization
import Testing

@testable import GatehouseUpstream

/// Who is in the home of an account, and who waits.
@Suite struct AccountHomesTests {
    private let directory: String
    private let homes: AccountHomes

    init() throws {
        directory = try AgentBench.temporaryDirectory()
        homes = AccountHomes(directory: directory + "/locks")
    }

    private func account(_ concurrency: Int = 1) -> AgentAccount {
        AgentAccount(name: "work", home: "/home/work", concurrency: concurrency)
    }

    /// Whether a task that enters has done so.
    private final class Entry: Sendable {
        private let stay = Mutex<AccountHomes.Stay?>(nil)
        let done = ReadingGate(isOpen: false)

        func take(_ found: AccountHomes.Stay) {
            stay.withLock { $0 = found }
            done.release()
        }

        func end() { stay.withLock { $0.take() }?.end() }
    }

    private func enter(
        _ group: inout ThrowingDiscardingTaskGroup<any Error>, _ account: AgentAccount, isAlone: Bool = false
    ) -> Entry {
        let entry = Entry()
        group.addTask { [homes] in
            entry.take(
                isAlone
                    ? try await homes.enterAlone(account, of: "claude", patience: .seconds(60))
                    : try await homes.enter(account, of: "claude"))
        }
        return entry
    }

    /// Returns when so many wait.
    private func waiting(_ count: Int) async {
        while homes.waiting(for: "work", of: "claude") < count { await Task.yield() }
    }

    @Test func asManyAsThereArePlaces() async throws {
        let account = account(2)
        let first = try await homes.enter(account, of: "claude")
        let second = try await homes.enter(account, of: "claude")
        try await withThrowingDiscardingTaskGroup { group in
            let third = enter(&group, account)
            #expect(!third.done.isReleased)
            first.end()
            first.end()
            await third.done.wait()
            third.end()
        }
        second.end()
        // Another agent's account of the same name is another.
        let other = try await homes.enter(self.account(), of: "codex")
        let own = try await homes.enter(self.account(), of: "claude")
        other.end()
        own.end()
    }

    @Test func aLoginIsAlone() async throws {
        let account = account(2)
        let run = try await homes.enter(account, of: "claude")
        try await withThrowingDiscardingTaskGroup { group in
            let login = enter(&group, account, isAlone: true)
            await waiting(1)
            // Who comes behind it waits, although there are places.
            let late = enter(&group, account)
            await waiting(2)
            run.end()
            await login.done.wait()
            #expect(!late.done.isReleased)
            login.end()
            await late.done.wait()
            late.end()
        }
    }

    @Test func aLoginThatMayNotWaitIsTold() async throws {
        let run = try await homes.enter(account(), of: "claude")
        let failure = await #expect(throws: Failure.self) {
            _ = try await homes.enterAlone(account(), of: "claude", patience: .milliseconds(1))
        }
        #expect(failure?.kind == .busy && failure?.isUnsent == true)
        run.end()
        try await homes.enterAlone(account(), of: "claude", patience: .seconds(10)).end()
    }

    /// Another process logs in.
    @Test func othersAreKeptOutByALock() async throws {
        let name = AccountLock.name(of: "work", agent: "claude")
        let run = try await homes.enter(account(), of: "claude")
        #expect(try AccountLock(name, in: directory + "/locks", isAlone: true) == nil)
        run.end()
        // A process that another test starts at this very moment has the lock's file, too, until it runs.
        var found: AccountLock?
        while found == nil {
            found = try AccountLock(name, in: directory + "/locks", isAlone: true)
            await Task.yield()
        }
        let login = try #require(found)
        try await withThrowingDiscardingTaskGroup { group in
            let late = enter(&group, account())
            login.release()
            await late.done.wait()
            late.end()
        }
    }
}
