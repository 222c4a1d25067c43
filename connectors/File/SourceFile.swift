import Compression
import ConnectorKit
import Glibc

/// One file of the source.
struct SourceFile {
    let path: String

    /// Writes the file, decompressed, as one payload.
    /// - Throws: `ConnectorError` when it cannot be read, is damaged, or changed while it was read.
    func land(into writer: inout RawWriter) throws {
        var input = try FileInput(path)
        try writer.open()
        do {
            switch FileEnding(path).compression {
            case nil:
                try input.forEachChunk { try writer.append($0) }
            case .gzip:
                var inflater = try Inflater()
                try input.forEachChunk { try inflater.push($0) { try writer.append($0) } }
                try inflater.finish()
            case .zstd:
                var decompressor = try ZstdDecompressor()
                try input.forEachChunk { try decompressor.push($0) { try writer.append($0) } }
                try decompressor.finish()
            }
        } catch let error where !(error is CancellationError) {
            // A cut file may be one that is still being written: that is then the reason.
            try input.checkUnchanged()
            guard let damage = error as? CompressionError else { throw error }
            throw ConnectorError("\(damage)", kind: .parse, hint: "fetch the file again, or check its ending")
        }
        try input.checkUnchanged()
        try writer.close()
    }
}

/// An open file that must not change while it is read. Source: open(2), read(2), fstat(2).
private struct FileInput: ~Copyable {
    private let descriptor: Int32
    private let before: stat
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private var count = 0

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
