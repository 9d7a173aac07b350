package import NIOCore

/// One message of `application/vnd.amazon.eventstream`
/// (https://smithy.io/2.0/aws/amazon-eventstream.html).
package struct EventStreamMessage: Sendable, Equatable {
    package var headers: [EventStreamHeader]
    package var payload: ByteBuffer

    package init(headers: [EventStreamHeader] = [], payload: ByteBuffer = ByteBuffer()) {
        self.headers = headers
        self.payload = payload
    }

    /// The text of a header; `nil` when it is absent or no text.
    package func string(_ name: String) -> String? {
        for header in headers where header.name == name {
            if case .string(let text) = header.value { return text }
        }
        return nil
    }
}

/// A named value of a message.
package struct EventStreamHeader: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case bool(Bool)
        case int8(Int8)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case bytes([UInt8])
        case string(String)
        /// Milliseconds since 1970.
        case timestamp(Int64)
        /// 16 bytes.
        case uuid([UInt8])
    }

    package var name: String
    package var value: Value

    package init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

extension EventStreamHeader {
    /// Takes one header off the front; `nil` when the bytes are not one.
    init?(from buffer: inout ByteBuffer) {
        guard let length: UInt8 = buffer.readInteger(), length > 0, let name = buffer.readString(length: Int(length)),
            let type: UInt8 = buffer.readInteger(), let value = Value(type: type, from: &buffer)
        else { return nil }
        self.init(name, value)
    }

    func write(to buffer: inout ByteBuffer) {
        let name = name.utf8.prefix(Int(UInt8.max))
        buffer.writeInteger(UInt8(truncatingIfNeeded: name.count))
        buffer.writeBytes(name)
        value.write(to: &buffer)
    }
}

extension EventStreamHeader.Value {
    fileprivate init?(type: UInt8, from buffer: inout ByteBuffer) {
        switch type {
        case 0, 1: self = .bool(type == 0)
        case 2: self.init(Int8.self, &buffer) { .int8($0) }
        case 3: self.init(Int16.self, &buffer) { .int16($0) }
        case 4: self.init(Int32.self, &buffer) { .int32($0) }
        case 5: self.init(Int64.self, &buffer) { .int64($0) }
        case 6:
            guard let length: UInt16 = buffer.readInteger(), let bytes = buffer.readBytes(length: Int(length)) else {
                return nil
            }
            self = .bytes(bytes)
        case 7:
            guard let length: UInt16 = buffer.readInteger(), let text = buffer.readString(length: Int(length)) else {
                return nil
            }
            self = .string(text)
        case 8: self.init(Int64.self, &buffer) { .timestamp($0) }
        case 9:
            guard let bytes = buffer.readBytes(length: 16) else { return nil }
            self = .uuid(bytes)
        default: return nil
        }
    }

    private init?<Number: FixedWidthInteger>(
        _: Number.Type, _ buffer: inout ByteBuffer, _ make: (Number) -> Self
    ) {
        guard let number: Number = buffer.readInteger() else { return nil }
        self = make(number)
    }

    fileprivate func write(to buffer: inout ByteBuffer) {
        switch self {
        case .bool(let flag): buffer.writeInteger(UInt8(flag ? 0 : 1))
        case .int8(let number): buffer.writeMultipleIntegers(UInt8(2), number)
        case .int16(let number): buffer.writeMultipleIntegers(UInt8(3), number)
        case .int32(let number): buffer.writeMultipleIntegers(UInt8(4), number)
        case .int64(let number): buffer.writeMultipleIntegers(UInt8(5), number)
        case .bytes(let bytes):
            let bytes = bytes.prefix(Int(UInt16.max))
            buffer.writeMultipleIntegers(UInt8(6), UInt16(truncatingIfNeeded: bytes.count))
            buffer.writeBytes(bytes)
        case .string(let text):
            let bytes = text.utf8.prefix(Int(UInt16.max))
            buffer.writeMultipleIntegers(UInt8(7), UInt16(truncatingIfNeeded: bytes.count))
            buffer.writeBytes(bytes)
        case .timestamp(let time): buffer.writeMultipleIntegers(UInt8(8), time)
        case .uuid(let bytes):
            buffer.writeInteger(UInt8(9))
            buffer.writeBytes(bytes.prefix(16))
            buffer.writeRepeatingByte(0, count: max(0, 16 - bytes.count))
        }
    }
}
