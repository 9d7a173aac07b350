import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore

/// Turns errors into lines on standard error and the exit codes that scripts rely on.
enum CommandFailure {
    static let usage = ExitCode(64)
    static let unavailable = ExitCode(69)
    static let `internal` = ExitCode(70)
    static let io = ExitCode(74)
    static let configuration = ExitCode(78)

    static func reported(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let problems as ConfigurationProblems {
            for problem in problems.list { CommandOutput.complain(problem.description) }
            throw configuration
        } catch let problem as StartProblem {
            CommandOutput.complain("\(problem.setting): \(problem.message)")
            throw configuration
        } catch let problem as AccountProblem {
            CommandOutput.complain(problem.message)
            throw unavailable
        } catch let error as StoreError {
            CommandOutput.complain(error.description)
            throw error.code == .unsafe ? configuration : io
        } catch let error as GatehouseError {
            CommandOutput.complain(error.message)
            throw error.code.status < 500 ? usage : io
        } catch let code as ExitCode {
            throw code
        } catch is CleanExit {
            return
        } catch {
            CommandOutput.complain("\(error)")
            throw `internal`
        }
    }
}
