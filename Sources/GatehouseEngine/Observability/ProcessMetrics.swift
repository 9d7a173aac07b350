import Glibc

/// What the system knows of this process, read when somebody asks.
package enum ProcessMetrics {
    /// Adds the `process_*` metrics to a registry.
    package static func add(to registry: MetricsRegistry) {
        registry.collect { write(to: &$0) }
    }

    static func write(to text: inout MetricsText) {
        if let stat = read("/proc/self/stat").flatMap(Stat.init) {
            let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
            let page = Double(max(1, sysconf(Int32(_SC_PAGESIZE))))
            put(
                "process_cpu_seconds_total", .counter, "CPU time of this process, in seconds.", stat.ticks / ticks,
                &text)
            put("process_resident_memory_bytes", .gauge, "Memory in RAM, in bytes.", stat.residentPages * page, &text)
            put("process_virtual_memory_bytes", .gauge, "Virtual memory, in bytes.", stat.virtualBytes, &text)
            put("process_threads", .gauge, "Threads of this process.", stat.threads, &text)
            if let boot = read("/proc/stat").flatMap(bootTime) {
                put(
                    "process_start_time_seconds", .gauge, "Start of this process, in seconds since 1970.",
                    boot + stat.startTicks / ticks, &text)
            }
        }
        if let open = openDescriptors() {
            put("process_open_fds", .gauge, "Open file descriptors.", Double(open), &text)
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            put("process_max_fds", .gauge, "Most file descriptors that may be open.", Double(limit.rlim_cur), &text)
        }
    }

    private static func put(
        _ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: Double, _ text: inout MetricsText
    ) {
        text.family(name, kind, help: help)
        text.sample(name, value)
    }

    /// The fields of `/proc/PID/stat` that are of use; see proc(5).
    struct Stat: Equatable {
        var ticks: Double
        var threads: Double
        var startTicks: Double
        var virtualBytes: Double
        var residentPages: Double

        /// The name of the process may hold anything, so counting begins behind its last parenthesis.
        init?(_ text: String) {
            guard let end = text.lastIndex(of: ")") else { return nil }
            let fields = text[end...].dropFirst().split(separator: " ").map(String.init)
            guard fields.count >= 22 else { return nil }
            guard let user = Double(fields[11]), let system = Double(fields[12]), let threads = Double(fields[17]),
                let start = Double(fields[19]), let virtual = Double(fields[20]), let resident = Double(fields[21])
            else { return nil }
            ticks = user + system
            self.threads = threads
            startTicks = start
            virtualBytes = virtual
            residentPages = resident
        }
    }

    /// Seconds since 1970, from `/proc/stat`.
    static func bootTime(_ text: String) -> Double? {
        for line in text.split(separator: "\n") where line.hasPrefix("btime ") {
            return Double(line.dropFirst("btime ".count))
        }
        return nil
    }

    private static func openDescriptors() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without ".", ".." and the descriptor that this look itself takes.
        return max(0, count - 3)
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < 1 << 20 {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
