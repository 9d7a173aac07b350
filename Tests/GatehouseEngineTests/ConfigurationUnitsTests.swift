import GatehouseEngine
import Testing

@Suite struct ConfigurationUnitsTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("0s", .zero), ("600s", .seconds(600)), ("30m", .seconds(1800)),
        ("24h", .seconds(86_400)), ("7d", .seconds(604_800)),
    ])
    func readsDurations(_ text: String, _ expected: Duration) {
        #expect(DurationText.read(text) == expected)
    }

    @Test(arguments: [
        "", "s", "5", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5min", "5ss", "９s", "99999999999999999999s",
    ])
    func refusesOtherDurations(_ text: String) {
        #expect(DurationText.read(text) == nil)
    }

    @Test(arguments: [
        (Duration.seconds(600), "600s"), (.seconds(75), "75s"), (.seconds(1800), "30m"), (.seconds(3600), "1h"),
        (.seconds(86_400), "24h"), (.milliseconds(1500), "1500ms"), (.seconds(601), "601s"), (.zero, "0s"),
    ])
    func writesDurations(_ duration: Duration, _ expected: String) {
        #expect(DurationText.write(duration) == expected)
        #expect(DurationText.read(expected) == duration)
    }

    @Test(arguments: [
        ("0", 0), ("512", 512), ("512B", 512), ("16KiB", 16_384), ("16MiB", 16 << 20), ("1GiB", 1 << 30),
        ("1TiB", 1 << 40),
        ("1KB", 1000), ("1MB", 1_000_000), ("2GB", 2_000_000_000),
    ])
    func readsSizes(_ text: String, _ expected: Int) {
        #expect(SizeText.read(text) == expected)
    }

    @Test(arguments: ["", "MiB", "1mib", "1Mib", "1 MiB", "-1", "1.5MiB", "9223372036854775807KiB", "1M", "0x10"])
    func refusesOtherSizes(_ text: String) {
        #expect(SizeText.read(text) == nil)
    }

    @Test(arguments: [
        (0, "0"), (1000, "1000"), (1024, "1KiB"), (16 << 20, "16MiB"), (1 << 30, "1GiB"), (1 << 40, "1TiB"),
    ])
    func writesSizes(_ bytes: Int, _ expected: String) {
        #expect(SizeText.write(bytes) == expected)
        #expect(SizeText.read(expected) == bytes)
    }

    @Test(arguments: [
        (Rate(count: 10, period: .seconds(1)), "10/s"), (Rate(count: 60, period: .seconds(60)), "60/min"),
        (Rate(count: 1, period: .seconds(3600)), "1/h"), (Rate(count: 5, period: .seconds(86_400)), "5/day"),
    ])
    func writesRates(_ rate: Rate, _ expected: String) {
        #expect(rate.text == expected)
    }
}
