import Compression
import ConnectorKit
import Glibc
import Hashing

/// One file on this machine, on its way into raw files.
struct SourceFile {
    /// Where it lies.
    let path: String
    /// What it is called at its place; the ending tells its compression.
    let name: String
    /// The compression, where the place knows better than the name.
    var compression: FileEnding.Compression?
    /// The members of a zip file; nil for all.
    var members: FilePattern?
    /// Bytes that it may have when decompressed.
    var limit = 10_240 << 20

    /// Writes the file, decompressed, as one payload; of a zip file each member.
    /// - Returns: SHA-256 of the file as it lies there.
    /// - Throws: `ConnectorError` when it cannot be read, is damaged, too large, or changed while it was read.
    @discardableResult
    func land(into writer: inout RawWriter) throws -> String {
        var input = try FileInput(path)
        var digest = SHA256()
        do {
            let compression = compression ?? FileEnding(name).compression
            if compression == nil {
                // What lies there is what is landed: one checksum serves both.
                try writer.open()
                var decoder = try Decoder(nil, limit: limit)
                try input.forEachChunk { chunk in try decoder.push(chunk) { try writer.append($0) } }
                try input.checkUnchanged()
                return try writer.close().sha256
            }
            if compression == .zip {
                try landMembers(into: &writer)
                try input.forEachChunk { digest.update($0) }
            } else {
                try writer.open()
                var decoder = try Decoder(compression, limit: limit)
                try input.forEachChunk { chunk in
                    digest.update(chunk)
                    try decoder.push(chunk) { try writer.append($0) }
                }
                try decoder.finish()
            }
            try input.checkUnchanged()
            if compression != .zip { try writer.close() }
        } catch let error where !(error is CancellationError) {
            // A cut file may be one that is still being written: that is then the reason.
            try input.checkUnchanged()
            guard let damage = error as? CompressionError else { throw error }
            throw ConnectorError("\(damage)", kind: .parse, hint: hint(for: damage))
        }
        return hexadecimal(digest.finish())
    }

    /// SHA-256 of the file as it lies there.
    func sha256() throws -> String {
        var input = try FileInput(path)
        var digest = SHA256()
        try input.forEachChunk { digest.update($0) }
        return hexadecimal(digest.finish())
    }

    private func landMembers(into writer: inout RawWriter) throws {
        let archive = try ZipArchive(path)
        let format = FileEnding(name).format
        let wanted = archive.members.filter { member in
            members?.matches(member.name)
                ?? (format == nil || FileEnding(member.name).format == nil || FileEnding(member.name).format == format)
        }
        guard !wanted.isEmpty else {
            let names = archive.members.prefix(5).map(\.name).joined(separator: ", ")
            throw ConnectorError(
                "no member of the zip file matches '\(members?.text ?? "*")'",
                hint: names.isEmpty ? "it is empty" : "it holds \(names); correct source.members")
        }
        var left = limit
        for member in wanted {
            try Task.checkCancellation()
            try writer.open()
            var decoder = try Decoder(FileEnding(member.name).compression, limit: left)
            // What is decompressed twice is limited twice.
            var count = 0
            try archive.read(member) { piece in
                count += piece.count
                guard count <= left else { throw CompressionError.tooLarge(limit: limit) }
                try decoder.push(piece) { try writer.append($0) }
            }
            try decoder.finish()
            let landed = try writer.close()
            left -= max(landed.bytes, count)
            guard left >= 0 else { throw CompressionError.tooLarge(limit: limit) }
        }
    }

    private func hint(for damage: CompressionError) -> String {
        if case .tooLarge = damage { return "raise source.max_file_mb if that is right" }
        return "fetch the file again, or check its ending"
    }
}

/// Takes a file's bytes apart.
private struct Decoder: ~Copyable {
    private var gzip: Inflater?
    private var zstd: ZstdDecompressor?
    private let limit: Int
    private var count = 0

    init(_ compression: FileEnding.Compression?, limit: Int) throws {
        self.limit = limit
        gzip = compression == .gzip ? try Inflater(limit: limit) : nil
        zstd = compression == .zstd ? try ZstdDecompressor(limit: limit) : nil
        if compression == .zip { throw ConnectorError("a zip file within a zip file is not read") }
    }

    mutating func push(_ chunk: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void) throws {
        if gzip != nil {
            try gzip?.push(chunk, output)
        } else if zstd != nil {
            try zstd?.push(chunk, output)
        } else {
            count += chunk.count
            guard count <= limit else { throw CompressionError.tooLarge(limit: limit) }
            try output(chunk)
        }
    }

    func finish() throws {
        try gzip?.finish()
        try zstd?.finish()
    }
}

/// An open file that must not change while it is read. Source: open(2), read(2), fstat(2).
private struct FileInput: ~Copyable {
    private let descriptor: Int32
    private let before: stat
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private var count = 0
    private var passing: PassingFile

    init(_ path: String) throws {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw systemError("cannot open it") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw ConnectorError("it is not a regular file")
        }
        self.descriptor = descriptor
        before = status
        passing = PassingFile(descriptor)
    }

    deinit { Glibc.close(descriptor) }

    /// Lends the content in chunks of at most 1 MiB.
    mutating func forEachChunk(_ body: (Span<UInt8>) throws -> Void) throws {
        while true {
            try Task.checkCancellation()
            let length = read(descriptor, &buffer, buffer.count)
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw systemError("cannot read it behind byte \(count)") }
            guard length > 0 else { return }
            count += length
            passing.passed(count)
            try body(buffer.span.extracting(0..<length))
        }
    }

    /// - Throws: a transient `ConnectorError` when size or modification time are not what they were at the start.
    func checkUnchanged() throws {
        var after = stat()
        let isSame =
            fstat(descriptor, &after) == 0 && after.st_size == before.st_size
            && after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec
        guard isSame else {
            throw ConnectorError(
                "it changed while it was read",
                hint: "let its writer use another name and rename it when it is complete",
                isTransient: true)
        }
    }
}
