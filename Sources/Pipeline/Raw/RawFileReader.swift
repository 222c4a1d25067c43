internal import Compression
internal import ConnectorKit
internal import Foundation
internal import Hashing
internal import Primitives
#if canImport(Glibc)
    internal import Glibc
#endif

/// Reads one raw file in chunks and proves on the way that it is the file that was landed.
struct RawFileReader: ~Copyable {
    /// What is read of a chunk is still in the processor's cache when it has become rows: 256 KiB.
    static let chunkSize = 256 << 10

    private let path: String
    /// What the manifest says of the file; nil of one that is still landing.
    private let file: Manifest.File?
    private let arriving: (files: ArrivingFiles, place: Int)?
    private let handle: FileHandle
    /// What proves the file: nil where its fingerprint does.
    private let digest: StreamSHA256?
    private let fingerprint = StreamXXH3()
    private let known: UUIDValue?
    private let landed: LandedFiles?
    private var decompressor: ZstdDecompressor?
    /// Bytes of `chunk` that are still to be decompressed.
    private var compressed = 0..<0
    private var decompressed: [UInt8] = []
    private var bytes = 0
    private var chunk: [UInt8]
    /// Bytes read of the file as it is stored.
    private(set) var position = 0
    private var passing: PassingFile

    private static let remedy = """
        restore it from its backup; a batch that has not reached bronze can be given up instead, with 'medallion batch discard'
        """

    /// Opens the file.
    /// - Parameters:
    ///   - total: Bytes of all files that are read one after the other, this one among them.
    ///   - landed: A file which is one of these is proved by its fingerprint; any other becomes one when it is proved.
    /// - Throws: `StepError` naming a missing file.
    init(_ file: Manifest.File, of total: Int = 0, folder: String, landed: LandedFiles? = nil) throws {
        let path = "\(folder)/\(file.name)"
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw StepError(
                .internal,
                "raw file \(path) is missing; \(Self.remedy)")
        }
        decompressor = file.name.hasSuffix(".zst") ? try ZstdDecompressor() : nil
        self.landed = landed
        known = landed?.fingerprint(of: handle.fileDescriptor)
        digest = known == nil ? StreamSHA256() : nil
        // A small file needs no more than one byte behind it, which shows its end.
        chunk = [UInt8](repeating: 0, count: min(Self.chunkSize, file.bytes + 1))
        self.path = path
        self.file = file
        arriving = nil
        self.handle = handle
        passing = PassingFile(handle.fileDescriptor, of: total)
    }

    /// Opens a file that is landing, or has landed a moment ago. Nobody may ask for more of it than has come.
    init(arriving file: LandingProgress.File, at place: Int, of files: ArrivingFiles) throws {
        let path = files.path(of: file)
        // It may get its name at any moment.
        let unfinished = file.landed == nil ? FileHandle(forReadingAtPath: DurableFile.unfinished(path)) : nil
        guard let handle = unfinished ?? FileHandle(forReadingAtPath: path) else {
            throw StepError(.internal, "raw file \(path) is missing")
        }
        decompressor = nil
        (landed, known, digest) = (nil, nil, nil)
        chunk = [UInt8](repeating: 0, count: min(Self.chunkSize, file.landed.map { $0.file.bytes + 1 } ?? .max))
        self.path = path
        self.file = nil
        arriving = (files, place)
        self.handle = handle
        // Of files that are whole already there will be many.
        passing =
            file.landed == nil
            ? PassingFile(growing: handle.fileDescriptor) : PassingFile(handle.fileDescriptor, of: .max)
    }

    deinit {
        // The descriptor is closed in any case; an error of close(2) on a file only read says nothing.
        try? handle.close()
    }

    /// The next bytes as received, empty chunks skipped; nil at the end, once size and checksum agree.
    ///
    /// Whoever lets go of a chunk before the next one spares a copy: its memory is used again.
    mutating func next() throws -> [UInt8]? {
        while let received = try decompressor == nil ? nextStored() : nextDecompressed() {
            digest?.update(received.span)
            fingerprint.update(received.span)
            bytes += received.count
            if !received.isEmpty { return received }
        }
        passing.ended()
        let expected = file?.bytes ?? arrived?.file.bytes ?? 0
        guard bytes == expected, isProved() else {
            throw StepError(
                .parse,
                "raw file \(path) is not what was landed (\(bytes) of \(expected) bytes, another checksum); \(Self.remedy)"
            )
        }
        return nil
    }

    /// Reads into `chunk`; returns how many bytes, none at the end.
    private mutating func fill() throws -> Int {
        let count = chunk.withUnsafeMutableBytes { buffer in
            var count = -1
            repeat {
                count = read(handle.fileDescriptor, buffer.baseAddress, buffer.count)
            } while count < 0 && errno == EINTR
            return count
        }
        guard count >= 0 else {
            throw StepError(.internal, "raw file \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        position += count
        passing.passed(position)
        return count
    }

    private mutating func nextStored() throws -> [UInt8]? {
        let count = try fill()
        guard count > 0 else { return nil }
        return count == chunk.count ? chunk : Array(chunk[..<count])
    }

    /// At least a chunk, as long as there is more, and less than two, however little they were compressed to.
    private mutating func nextDecompressed() throws -> [UInt8]? {
        var output = exchange(&decompressed, with: [])
        output.removeAll(keepingCapacity: true)
        while output.count < Self.chunkSize {
            if compressed.isEmpty, decompressor?.holdsBack != true {
                compressed = 0..<(try fill())
                if compressed.isEmpty { break }
            }
            let stored = chunk
            let used = try decompressor?.step(stored.span.extracting(compressed)) { output.append(bytes: $0) }
            compressed = compressed.dropFirst(used ?? 0)
        }
        decompressed = output
        return output.isEmpty ? nil : output
    }

    /// What the file came to, where it was read while it landed.
    private var arrived: (file: Manifest.File, fingerprint: UUIDValue)? {
        arriving.flatMap { $0.files.progress.file(at: $0.place)?.landed }
    }

    private func isProved() -> Bool {
        guard let file else { return fingerprint.hash == arrived?.fingerprint }
        guard let found = digest?.finish() else { return fingerprint.hash == known }
        guard hexadecimal(found) == file.sha256 else { return false }
        landed?.add(handle.fileDescriptor, fingerprint.hash)
        return true
    }
}

extension RawFileReader {
    /// Reads a file to its end, to prove it.
    /// - Throws: `StepError` naming a file that is missing, damaged or not what was landed; `CancellationError`.
    static func prove(
        _ file: Manifest.File, of total: Int = 0, folder: String, landed: LandedFiles? = nil
    ) throws {
        do {
            var reader = try RawFileReader(file, of: total, folder: folder, landed: landed)
            while try reader.next() != nil { try Task.checkCancellation() }
        } catch let error where error is StepError || error is CancellationError {
            throw error
        } catch {
            throw StepError(.parse, "raw file \(folder)/\(file.name) cannot be read: \(error)")
        }
    }
}
