internal import Compression
internal import Hashing
public import JSON
public import Primitives

/// A connector's only way out: every payload becomes a raw file, complete or absent.
///
/// Files are named `00001.json`, `00002.json` … in the order of arrival. Payloads are scanned on their way, so that a
/// cut one never counts as landed; they are stored as received. `finish` makes them durable, all at once.
public struct RawWriter: ~Copyable {
    private let folder: String
    private let shape: DocumentShape
    private let compresses: Bool
    private var payload: OpenPayload?

    /// The files landed so far, in order.
    public private(set) var files: [Manifest.File] = []
    /// The request as made, secrets masked.
    public private(set) var request: String?

    /// Where the source wants to go on next time, in its own words.
    public private(set) var state: String?

    /// True where the source said that nothing changed since `LoadWindow.unchangedSince`.
    public private(set) var isUnchanged = false

    /// The row of `for_each` that the next files belong to.
    private var parent: String?

    /// True where the source gave more than the window asked for.
    public private(set) var isUnfiltered = false

    /// The folder of the batch that this one may turn out to repeat.
    private let standing: String?

    /// Bytes of the files landed so far.
    private var landed = 0
    private let passing = PassingWrites()

    /// Files that were found to be those of the standing batch, and are not written yet.
    private var repeated: [String] = []

    /// XXH3 of each file's bytes as received, by its name: what shows later that a disk gives back what it got.
    public private(set) var fingerprints: [String: UUIDValue] = [:]

    /// Is told of every byte that has come; nil where nobody reads behind the landing.
    private var progress: LandingProgress?
    /// True where it was told of the open file.
    private var isTold = false

    /// A sample ends, by an error, once this many records have come; nil lands everything.
    private let recordLimit: Int?

    /// True once the sample is full: whatever error the landing then ends with is the writer's own.
    public private(set) var isFull = false

    /// A writer into an existing, empty folder.
    /// - Parameters:
    ///   - standing: The folder of a batch whose files come again where nothing changed: a file that is the same as the one
    ///     there is written by `finish` only.
    ///   - recordLimit: For a sample: the landing is ended as soon as so many records have come. The file at hand is kept
    ///     as far as it got and may be cut behind its last record.
    public init(
        folder: String, shape: DocumentShape, compresses: Bool = false, standing: String? = nil,
        recordLimit: Int? = nil
    ) {
        precondition(standing == nil || recordLimit == nil, "a sample is compared with no batch")
        self.folder = folder
        self.standing = standing
        self.shape = shape
        self.compresses = compresses
        self.recordLimit = recordLimit
    }

    /// Tells from now on how far the landing is. Its files have to be stored as they come, not compressed. Those that repeat the
    /// standing batch's are told once they have come.
    package mutating func tell(_ progress: LandingProgress) {
        precondition(!compresses, "these files cannot be read while they come")
        self.progress = progress
        progress.compare(with: standing)
    }

    /// Tells that no more files come.
    package func tellEnd() { progress?.end() }

    /// A path in the batch's folder for a file on its way, which whoever writes it removes.
    public var temporaryPath: String { folder + "/incoming.part" }

    /// Files landed so far in this batch.
    public var fileCount: Int { files.count }

    /// Lands one payload as received as a raw file of its own.
    /// - Throws: `ConnectorError` of kind parse when the payload is cut or not of the announced shape.
    @discardableResult
    public mutating func write(_ payload: [UInt8]) throws -> Manifest.File {
        try open()
        try append(payload)
        return try close()
    }

    /// Counts the records of a payload without landing it yet, so that a connector can go on asking meanwhile.
    /// - Throws: `ConnectorError` of kind parse when the payload is cut or not of the announced shape.
    public func scan(_ payload: [UInt8]) throws -> ScannedPayload {
        do {
            var scan = try PayloadScan(shape)
            try scan.feed(payload.span)
            try scan.finish()
            return ScannedPayload(bytes: payload, records: scan.records)
        } catch {
            throw PayloadScan.failure(of: nextName, error)
        }
    }

    /// Lands a scanned payload.
    @discardableResult
    public mutating func write(_ payload: ScannedPayload) throws -> Manifest.File {
        guard !isFull else { throw SampleIsFull() }
        precondition(self.payload == nil, "close the open payload before another one is written")
        try begin(
            OpenPayload(
                folder: folder, name: nextName, records: payload.records, compresses: compresses, standing: comparable,
                behind: landed, passing))
        try append(payload.bytes)
        return try close()
    }

    /// Makes all files durable. Whoever publishes the batch with files of its own calls it, before the manifest is written.
    public mutating func finish() throws {
        try writeRepeated()
        try passing.check()
        try DurableFile.syncFiles(files.map(\.name), in: folder)
    }

    /// Writes the files that turned out to repeat those of the standing batch, where the batch as a whole does not.
    public mutating func writeRepeated() throws {
        guard let standing else { return }
        for name in repeated {
            try Task.checkCancellation()
            try RepeatedFile.copy("\(standing)/\(name)", to: "\(folder)/\(name)", passing)
        }
        repeated.removeAll()
    }

    /// True where a file differs from that of the standing batch: it was written.
    public var hasWritten: Bool { repeated.count < files.count }

    /// The standing batch's folder, as long as every file was one of its.
    private var comparable: String? { hasWritten ? nil : standing }

    private var nextName: String {
        let number = String(files.count + 1)
        return String(repeating: "0", count: max(0, 5 - number.utf8.count)) + number + "." + shape.format.rawValue
    }

    /// Begins a payload that is too large for memory; `append` its chunks, then `close`.
    public mutating func open() throws {
        guard !isFull else { throw SampleIsFull() }
        precondition(payload == nil, "close the open payload before another one is opened")
        try begin(
            OpenPayload(
                folder: folder, name: nextName, shape: shape, compresses: compresses, standing: comparable,
                behind: landed, passing))
    }

    private mutating func begin(_ payload: consuming OpenPayload) {
        self.payload = consume payload
        isTold = false
        tellBytes()
    }

    /// Tells how far the open file is, once it is more than a repetition.
    private mutating func tellBytes() {
        guard let progress, let isRepeated = payload?.isRepeated, !isRepeated, let bytes = payload?.bytes else {
            return
        }
        if !isTold { progress.begin(nextName, isNew: true) }
        isTold = true
        progress.reach(bytes)
    }

    /// Tells what the last file came to.
    private mutating func tellFile(_ file: Manifest.File, isWritten: Bool, _ fingerprint: UUIDValue) {
        guard let progress else { return }
        if !isTold { progress.begin(file.name, isNew: isWritten) }
        isTold = false
        progress.end(file, fingerprint: fingerprint)
    }

    /// Adds a chunk to the open payload.
    public mutating func append(_ chunk: [UInt8]) throws { try append(chunk.span) }

    /// Adds a lent chunk to the open payload.
    public mutating func append(_ chunk: Span<UInt8>) throws {
        guard !isFull else { throw SampleIsFull() }
        guard payload != nil else { preconditionFailure("open a payload before appending to it") }
        do {
            try payload?.append(chunk)
        } catch {
            payload = nil
            throw error
        }
        tellBytes()
        try endWhenFull()
    }

    /// Ends the open payload: checked, and given its name.
    @discardableResult
    public mutating func close() throws -> Manifest.File {
        guard !isFull else { throw SampleIsFull() }
        guard var open = payload.take() else { preconditionFailure("open a payload before closing it") }
        var (file, isWritten) = try open.close()
        file.parent = parent
        files.append(file)
        fingerprints[file.name] = open.fingerprint
        tellFile(file, isWritten: isWritten, open.fingerprint)
        landed += file.bytes
        if !isWritten { repeated.append(file.name) }
        try endWhenFull()
        return file
    }

    /// Keeps what came of the open payload and ends the landing, where the sample is full.
    private mutating func endWhenFull() throws {
        guard let recordLimit else { return }
        let landed = files.reduce(0) { $0 + $1.records }
        guard landed + (payload?.recordCount() ?? 0) >= recordLimit else { return }
        isFull = true
        if var open = payload.take() {
            var (file, _) = try open.close(isCut: true)
            file.parent = parent
            files.append(file)
        }
        throw SampleIsFull()
    }

    /// Notes that the source could not be asked for the window alone: the pipeline then leaves out older records.
    public mutating func noteUnfiltered() { isUnfiltered = true }

    /// Notes that nothing changed since `LoadWindow.unchangedSince`: the batch has that one's files.
    public mutating func noteUnchanged() { isUnchanged = true }

    /// Notes the row of `for_each`, an object, that the files landed from now on belong to.
    public mutating func note(parent: JSONValue?) { self.parent = parent?.text() }

    /// Notes where the source wants to go on: the next delta load gets it, once this batch is registered.
    public mutating func note(state: String) { self.state = state }

    /// Notes the request as made, secrets masked, for the manifest.
    public mutating func note(request: String) { self.request = request }
}

/// Ends the landing of a sample that is full; nobody sees it but who made the writer.
private struct SampleIsFull: Error {}

/// A payload whose records were counted.
public struct ScannedPayload: Sendable {
    let bytes: [UInt8]
    /// The records that it holds.
    public let records: Int
}

/// A payload on its way into its file.
private struct OpenPayload: ~Copyable {
    private let name: String
    private var file: RepeatedFile
    private let digest = StreamSHA256()
    private let xxh3 = StreamXXH3()
    /// nil where the records were counted before.
    private var scan: PayloadScan?
    private let counted: Int
    private var compressor: ZstdCompressor?
    /// Bytes that have come.
    private(set) var bytes = 0

    init(
        folder: String, name: String, shape: DocumentShape, compresses: Bool, standing: String?, behind count: Int,
        _ passing: PassingWrites
    ) throws {
        let scan = try PayloadScan(shape)
        try self.init(
            folder: folder, name: name, scan: scan, records: 0, compresses: compresses, standing: standing,
            behind: count, passing)
    }

    init(
        folder: String, name: String, records: Int, compresses: Bool, standing: String?, behind count: Int,
        _ passing: PassingWrites
    ) throws {
        try self.init(
            folder: folder, name: name, scan: nil, records: records, compresses: compresses, standing: standing,
            behind: count, passing)
    }

    private init(
        folder: String, name: String, scan: consuming PayloadScan?, records: Int, compresses: Bool, standing: String?,
        behind count: Int, _ passing: PassingWrites
    ) throws {
        let name = compresses ? name + ".zst" : name
        let compressor: ZstdCompressor? = compresses ? try ZstdCompressor() : nil
        file = try RepeatedFile(
            creating: "\(folder)/\(name)", repeating: standing.map { "\($0)/\(name)" }, behind: count, passing: passing)
        self.name = name
        self.scan = scan
        counted = records
        self.compressor = compressor
    }

    mutating func append(_ chunk: Span<UInt8>) throws {
        bytes += chunk.count
        digest.update(chunk)
        xxh3.update(chunk)
        do {
            try scan?.feed(chunk)
        } catch {
            throw PayloadScan.failure(of: name, error)
        }
        try store(chunk)
    }

    private mutating func store(_ chunk: Span<UInt8>) throws {
        guard compressor != nil else { return try file.write(chunk) }
        var compressed: [UInt8] = []
        try compressor?.push(chunk) { compressed.append(bytes: $0) }
        try file.write(compressed.span)
    }

    /// True as long as all of it repeats the standing batch's.
    var isRepeated: Bool { file.isRepeated }

    /// XXH3 of what has come.
    var fingerprint: UUIDValue { xxh3.hash }

    /// Complete records that have come.
    mutating func recordCount() -> Int { scan?.records ?? counted }

    /// Ends the file; not written where it repeats the standing one.
    mutating func close(isCut: Bool = false) throws -> (file: Manifest.File, isWritten: Bool) {
        do {
            if !isCut { try scan?.finish() }
        } catch {
            throw PayloadScan.failure(of: name, error)
        }
        var rest: [UInt8] = []
        try compressor?.finish { rest.append(bytes: $0) }
        try file.write(rest.span)
        let isWritten = try file.publish()
        let landed = Manifest.File(
            name: name, bytes: bytes, sha256: hexadecimal(digest.finish()), records: scan?.records ?? counted)
        return (landed, isWritten)
    }
}

/// Counts the records of a payload and checks that it is whole.
private struct PayloadScan: ~Copyable {
    private var json: RecordScanner
    private let isConverted: Bool
    private var converter: RecordConverter?
    private var converted = 0

    /// What is told of a payload that is not whole. One that was cut may be whole when it is asked for again.
    static func failure(of name: String, _ error: any Error) -> ConnectorError {
        ConnectorError(
            "payload \(name): \(error)", kind: .parse,
            hint: "check the source's answer, its format and records_path; nothing of this batch was kept",
            isTransient: (error as? RecordScanError)?.isCut ?? false)
    }

    init(_ shape: DocumentShape) throws {
        let format = try shape.recordFormat
        let converter = try RecordConverter.make(shape)
        json = RecordScanner(format)
        isConverted = shape.isConverted
        self.converter = converter
    }

    var records: Int { isConverted ? converted : json.records }

    mutating func feed(_ chunk: Span<UInt8>) throws {
        guard isConverted else { return try json.feed(chunk) }
        var count = 0
        try converter?.feed(chunk) { _ in count += 1 }
        converted += count
    }

    mutating func finish() throws {
        guard isConverted else { return try json.finish() }
        var count = 0
        try converter?.finish { _ in count += 1 }
        converted += count
    }
}
