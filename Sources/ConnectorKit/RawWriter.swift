/// A connector's only way out: every payload becomes a raw file, complete or absent.
public struct RawWriter: ~Copyable {
    /// What became of one payload.
    public struct LandedFile: Sendable {
        /// Records that the payload holds.
        public var records: Int
        /// Bytes as received.
        public var bytes: Int
        /// SHA-256 of the bytes as received, lower-case hex.
        public var sha256: String
    }

    /// Files landed so far in this batch.
    public private(set) var fileCount = 0

    /// Lands one payload as received as a raw file of its own.
    /// - Throws: `ConnectorError` of kind parse when the payload is cut or not of the announced shape.
    @discardableResult
    public mutating func write(_ payload: [UInt8]) throws -> LandedFile {
        try open()
        try append(payload)
        return try close()
    }

    /// Begins a payload that is too large for memory; `append` its chunks, then `close`.
    public mutating func open() throws {}

    /// Adds a chunk to the open payload.
    public mutating func append(_ chunk: [UInt8]) throws {}

    /// Ends the open payload: checked, synced, renamed.
    @discardableResult
    public mutating func close() throws -> LandedFile { LandedFile(records: 0, bytes: 0, sha256: "") }

    /// Notes the request as made, secrets masked, for the manifest.
    public mutating func note(request: String) {}
}
