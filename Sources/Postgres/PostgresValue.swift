public import Primitives

/// A value that can be bound to a statement: sent in binary with its exact type, so that no session setting matters.
///
/// Type numbers are those of `pg_type.dat`, stable in every version of PostgreSQL.
public protocol PostgresValue: Sendable {
    /// The number of the PostgreSQL type in `pg_type`.
    static var postgresType: UInt32 { get }
    /// Appends the value in PostgreSQL's binary form.
    func encode(into bytes: inout [UInt8])
}

/// A value that can be bound inside an array.
public protocol PostgresArrayElement: Sendable {
    /// The number of the type that an array of these is bound as.
    static var postgresArrayType: UInt32 { get }
    /// Appends a whole array in PostgreSQL's binary form.
    static func encode(_ array: [Self], into bytes: inout [UInt8])
}

extension FixedWidthInteger {
    /// Appends the bytes of the number, most significant first.
    func appendBigEndian(to bytes: inout [UInt8]) {
        for shift in stride(from: Self.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: self >> shift))
        }
    }
}

extension Int: PostgresValue, PostgresArrayElement {
    /// `bigint`.
    public static var postgresType: UInt32 { 20 }
    /// `bigint[]`.
    public static var postgresArrayType: UInt32 { 1016 }
    /// Eight bytes.
    public func encode(into bytes: inout [UInt8]) { Int64(self).appendBigEndian(to: &bytes) }
}

extension Int64: PostgresValue, PostgresArrayElement {
    /// `bigint`.
    public static var postgresType: UInt32 { 20 }
    /// `bigint[]`.
    public static var postgresArrayType: UInt32 { 1016 }
    /// Eight bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
}

extension Int32: PostgresValue, PostgresArrayElement {
    /// `integer`.
    public static var postgresType: UInt32 { 23 }
    /// `integer[]`.
    public static var postgresArrayType: UInt32 { 1007 }
    /// Four bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
}

extension Int16: PostgresValue, PostgresArrayElement {
    /// `smallint`.
    public static var postgresType: UInt32 { 21 }
    /// `smallint[]`.
    public static var postgresArrayType: UInt32 { 1005 }
    /// Two bytes.
    public func encode(into bytes: inout [UInt8]) { appendBigEndian(to: &bytes) }
}

extension Double: PostgresValue, PostgresArrayElement {
    /// `double precision`.
    public static var postgresType: UInt32 { 701 }
    /// `double precision[]`.
    public static var postgresArrayType: UInt32 { 1022 }
    /// Eight bytes of IEEE 754.
    public func encode(into bytes: inout [UInt8]) { bitPattern.appendBigEndian(to: &bytes) }
}

extension Bool: PostgresValue, PostgresArrayElement {
    /// `boolean`.
    public static var postgresType: UInt32 { 16 }
    /// `boolean[]`.
    public static var postgresArrayType: UInt32 { 1000 }
    /// One byte.
    public func encode(into bytes: inout [UInt8]) { bytes.append(self ? 1 : 0) }
}

extension String: PostgresValue, PostgresArrayElement {
    /// `text`.
    public static var postgresType: UInt32 { 25 }
    /// `text[]`.
    public static var postgresArrayType: UInt32 { 1009 }
    /// UTF-8.
    public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }
}

extension Instant: PostgresValue, PostgresArrayElement {
    /// `timestamptz`.
    public static var postgresType: UInt32 { 1184 }
    /// `timestamptz[]`.
    public static var postgresArrayType: UInt32 { 1185 }
    /// Microseconds since 2000-01-01T00:00:00Z.
    public func encode(into bytes: inout [UInt8]) {
        (microseconds - PostgresEpoch.microseconds).appendBigEndian(to: &bytes)
    }
}

extension UUIDValue: PostgresValue, PostgresArrayElement {
    /// `uuid`.
    public static var postgresType: UInt32 { 2950 }
    /// `uuid[]`.
    public static var postgresArrayType: UInt32 { 2951 }
    /// Sixteen bytes.
    public func encode(into bytes: inout [UInt8]) {
        high.appendBigEndian(to: &bytes)
        low.appendBigEndian(to: &bytes)
    }
}

extension UInt8: PostgresArrayElement {
    /// `bytea`: bytes are bound as one value, not as an array.
    public static var postgresArrayType: UInt32 { 17 }
    /// The bytes as they are.
    public static func encode(_ array: [UInt8], into bytes: inout [UInt8]) { bytes.append(contentsOf: array) }
}

extension Array: PostgresValue where Element: PostgresArrayElement {
    /// The element's array type; `bytea` for bytes.
    public static var postgresType: UInt32 { Element.postgresArrayType }
    /// A one-dimensional array, or the bytes of a `bytea`.
    public func encode(into bytes: inout [UInt8]) { Element.encode(self, into: &bytes) }
}

extension PostgresArrayElement where Self: PostgresValue {
    /// Dimensions, a flag for NULLs, element type, length, lower bound, then each element with its length (`array_recv`).
    public static func encode(_ array: [Self], into bytes: inout [UInt8]) {
        Int32(array.isEmpty ? 0 : 1).appendBigEndian(to: &bytes)
        Int32(0).appendBigEndian(to: &bytes)
        postgresType.appendBigEndian(to: &bytes)
        if array.isEmpty { return }
        Int32(array.count).appendBigEndian(to: &bytes)
        Int32(1).appendBigEndian(to: &bytes)
        var element: [UInt8] = []
        for value in array {
            element.removeAll(keepingCapacity: true)
            value.encode(into: &element)
            Int32(element.count).appendBigEndian(to: &bytes)
            bytes.append(contentsOf: element)
        }
    }
}

/// PostgreSQL counts from 2000-01-01, Unix and we from 1970-01-01.
enum PostgresEpoch {
    static let days: Int64 = 10_957
    static let microseconds: Int64 = days * 86_400_000_000
}
