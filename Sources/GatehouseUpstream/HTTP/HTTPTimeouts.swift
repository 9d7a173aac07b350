package import NIOCore

/// How long an attempt may take, phase by phase.
package struct HTTPTimeouts: Sendable, Equatable {
    /// To a connection that is ready, TLS included.
    package var connect: TimeAmount
    /// From the request to the first byte of the response.
    package var firstByte: TimeAmount
    /// Between bytes of the response, while we are reading.
    package var idle: TimeAmount
    package var total: TimeAmount

    package init(
        connect: TimeAmount = .seconds(5), firstByte: TimeAmount = .seconds(60), idle: TimeAmount = .seconds(120),
        total: TimeAmount = .minutes(30)
    ) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
        self.total = total
    }
}
