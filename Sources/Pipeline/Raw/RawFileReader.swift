internal import Compression
internal import ConnectorKit
internal import Foundation
internal import Hashing
internal import Primitives

/// Reads one raw file in chunks of 1 MiB and proves on the way that it is the file that was landed.
struct RawFileReader: ~Copyable {
    private let path: String
    private let file: Manifest.File
    private let handle: FileHandle
    /// nil where the file was proved before.
    private let digest: StreamSHA256?
    private var decompressor: ZstdDecompressor?
    private var bytes = 0

    /// Opens the file.
    /// - Parameter isProved: Skips the checksum of a file that the same step has read before.
    /// - Throws: `StepError` naming a missing file.
    init(_ file: Manifest.File, folder: String, isProved: Bool = false) throws {
        let path = "\(folder)/\(file.name)"
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw StepError(
                .internal,
                "raw file \(path) is missing; restore it from its backup, or give the batch up with "
                    + "'medallion batch discard'")
        }
        decompressor = file.name.hasSuffix(".zst") ? try ZstdDecompressor() : nil
        digest = isProved ? nil : StreamSHA256()
        self.path = path
        self.file = file
        self.handle = handle
    }

    deinit {
        // The descriptor is closed in any case; an error of close(2) on a file only read says nothing.
        try? handle.close()
    }

    /// The next bytes as received, empty chunks skipped; nil at the end, once size and checksum agree.
    mutating func next() throws -> [UInt8]? {
        while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty {
            var chunk = [UInt8](data)
            if decompressor != nil {
                var output: [UInt8] = []
                try decompressor?.push(chunk) { output.append(bytes: $0) }
                chunk = output
            }
            digest?.update(chunk.span)
            bytes += chunk.count
            if !chunk.isEmpty { return chunk }
        }
        guard bytes == file.bytes, isProved() else {
            throw StepError(
                .parse,
                "raw file \(path) is not what was landed (\(bytes) of \(file.bytes) bytes, another checksum); "
                    + "restore it from its backup, or give the batch up with 'medallion batch discard'")
        }
        return nil
    }

    private func isProved() -> Bool {
        guard let found = digest?.finish() else { return true }
        return hexadecimal(found) == file.sha256
    }
}
