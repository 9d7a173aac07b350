import GatehouseCore

extension AgentRun {
    private enum Step: Sendable {
        case ended(AgentProcess.Result)
        case cancelled
        case expired(AgentTimers.Expiry?)
        /// The supervisor has not ended when it had to.
        case overdue
    }

    /// Runs the process beside its timers and the listener's wish to stop; what comes first ends the others.
    func carryOut(
        _ launch: AgentLaunch, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration
    ) async {
        await withTaskGroup(of: Step.self) { group in
            group.addTask { .ended(await self.execute(launch, in: directory, configuration)) }
            group.addTask {
                await self.waitForCancellation()
                return .cancelled
            }
            group.addTask { .expired(await self.timers.expiry()) }
            guard let first = await group.next() else { return }
            if case .ended(let result) = first {
                group.cancelAll()
                let ending = Self.ending(result)
                // Nothing of the process is left, and whoever has the answer may ask again at once.
                account?.end(behind: ending.result)
                return await finish(ending)
            }
            stop()
            group.addTask {
                try? await Task.sleep(for: launch.grace + SupervisedProcess.supervisorMargin)
                return .overdue
            }
            if case .expired(.lingering) = first {} else { await self.fail(Self.failure(first)) }
            while let next = await group.next() {
                if case .overdue = next { group.cancelAll() }
                guard case .ended(var result) = next else { continue }
                group.cancelAll()
                // It had told its end; that its process had to be ended changes nothing.
                result.status = .success(.exited(0))
                if case .expired(.lingering) = first { await self.finish(Self.ending(result)) }
            }
        }
    }

    private static func failure(_ step: Step) -> Failure {
        if case .expired(.timeout(let phase)) = step { Failure(.timeout(phase)) } else { Failure(.cancelled) }
    }

    private static func ending(_ result: AgentProcess.Result) -> AgentEnding {
        switch result.status {
        case .success(let status):
            var output = result.output
            return output.end(AgentExit(status, stderr: result.stderr, clock: .host()))
        case .failure(let failure):
            return AgentEnding(result: .failure(failure))
        }
    }

    /// Runs the process to its end.
    private func execute(
        _ launch: AgentLaunch, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration
    ) async -> AgentProcess.Result {
        let recording = configuration.recording
        recording?.begin(launch, prompt: prompt)
        let keeper = ArtifactKeeper(configuration: configuration, directory: directory)
        let before = await keeper.snapshot(for: place)
        var result = await AgentProcess(launch, run: self, recording: recording).execute()
        let report = await offload { RunReport.read(directory.reportFile) }
        if let report { recording?.end(report.status) }
        if let failure = report?.failure(stderr: result.stderr) { result.status = .failure(failure) }
        await deliver(await keeper.collect(since: before, for: place, agent: settings.name))
        return result
    }
}
