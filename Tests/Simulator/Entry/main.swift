import GatehouseSimulator
import Glibc

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print(Options.usage)
    exit(64)
}
exit(await Runner(options).run() ? 0 : 1)
