import Compression
import Foundation
import TestKit
import Testing

/// Either decompressor, so that one table of cases holds for both.
enum Notation: String, CaseIterable, CustomTestStringConvertible {
    case gzip
    case zstd

    var testDescription: String { rawValue }

    /// Compresses with the system's own program, the reference.
    func compress(_ bytes: [UInt8], _ options: [String] = []) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: "input")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [rawValue, "-q", "-c"] + options + [path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return Array(output)
    }

    func decompress(_ pieces: [[UInt8]], limit: Int? = nil) throws -> [UInt8] {
        var output: [UInt8] = []
        func take(_ span: Span<UInt8>) {
            #expect(span.count <= 256 * 1024)
            for index in span.indices { output.append(span[index]) }
        }
        switch self {
        case .gzip:
            var inflater = try Inflater(limit: limit)
            for piece in pieces { try inflater.push(piece, take) }
            try inflater.finish()
        case .zstd:
            var decompressor = try ZstdDecompressor(limit: limit)
            for piece in pieces { try decompressor.push(piece, take) }
            try decompressor.finish()
        }
        return output
    }

    var format: CompressionError.Format { self == .gzip ? .gzip : .zstd }
}

/// Bytes that neither repeat nor look random.
func sampleBytes(_ count: Int) -> [UInt8] {
    var text: [UInt8] = []
    var number = 0
    while text.count < count {
        number += 1
        text += "record \(number) of \(number &* 2_654_435_761 % 1_000_003)\n".utf8
    }
    return Array(text.prefix(count))
}

@Suite struct DecompressionTests {
    @Test("Bytes come back", arguments: Notation.allCases, [0, 1, 1000, 262_144, 262_145, 3_000_000])
    func roundTrip(notation: Notation, count: Int) throws {
        let bytes = sampleBytes(count)
        #expect(try notation.decompress([notation.compress(bytes)]) == bytes)
    }

    @Test("A long run of one byte, many times the buffer, comes back", arguments: Notation.allCases)
    func zeros(notation: Notation) throws {
        let bytes = [UInt8](repeating: 0, count: 5_000_000)
        #expect(try notation.decompress([notation.compress(bytes)]) == bytes)
    }

    @Test("Any split point gives the same bytes", arguments: Notation.allCases)
    func splits(notation: Notation) throws {
        let bytes = sampleBytes(600)
        let compressed = try notation.compress(bytes) + notation.compress(bytes)
        for cut in 0...compressed.count {
            let pieces = [Array(compressed[..<cut]), [], Array(compressed[cut...])]
            #expect(try notation.decompress(pieces) == bytes + bytes, "cut at \(cut)")
        }
        #expect(try notation.decompress(compressed.map { [$0] }) == bytes + bytes)
    }

    @Test("Every cut is noticed", arguments: Notation.allCases)
    func cuts(notation: Notation) throws {
        let compressed = try notation.compress(sampleBytes(600))
        for end in 0..<compressed.count {
            #expect(throws: CompressionError.truncated(notation.format), "cut at \(end)") {
                _ = try notation.decompress([Array(compressed[..<end])])
            }
        }
        #expect(throws: CompressionError.truncated(notation.format)) {
            _ = try notation.decompress([compressed + compressed.dropLast()])
        }
    }

    @Test("A flipped bit in the content is noticed", arguments: Notation.allCases)
    func damage(notation: Notation) throws {
        var compressed = try notation.compress(sampleBytes(5000), notation == .zstd ? ["--check"] : [])
        compressed[compressed.count / 2] ^= 0x10
        #expect(throws: CompressionError.self) { _ = try notation.decompress([compressed]) }
    }

    @Test("Plain text is not taken for compressed bytes", arguments: Notation.allCases)
    func plainText(notation: Notation) throws {
        let error = #expect(throws: CompressionError.self) {
            _ = try notation.decompress([Array("{\"id\": 1}\n{\"id\": 2}\n".utf8)])
        }
        guard case .corrupt(notation.format, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("Decoding stops at the limit, long before a bomb is unpacked", arguments: Notation.allCases)
    func limit(notation: Notation) throws {
        let compressed = try notation.compress([UInt8](repeating: 0, count: 10_000_000))
        #expect(throws: CompressionError.tooLarge(limit: 1_000_000)) {
            _ = try notation.decompress([compressed], limit: 1_000_000)
        }
        #expect(try notation.decompress([compressed], limit: 10_000_000).count == 10_000_000)
    }

    @Test("An error of the receiver comes through", arguments: Notation.allCases)
    func receiver(notation: Notation) throws {
        struct Stop: Error {}
        let compressed = try notation.compress(sampleBytes(10))
        #expect(throws: Stop.self) {
            switch notation {
            case .gzip:
                var inflater = try Inflater()
                try inflater.push(compressed) { _ in throw Stop() }
            case .zstd:
                var decompressor = try ZstdDecompressor()
                try decompressor.push(compressed) { _ in throw Stop() }
            }
        }
    }

    @Test("Zero bytes behind gzip data are padding, other bytes are not")
    func padding() throws {
        let compressed = try Notation.gzip.compress(sampleBytes(100))
        #expect(try Notation.gzip.decompress([compressed, [0, 0], [0]]) == sampleBytes(100))
        #expect(throws: CompressionError.corrupt(.gzip, reason: "other bytes behind the padding")) {
            _ = try Notation.gzip.decompress([compressed + [0, 0x1F]])
        }
        #expect(throws: CompressionError.self) { _ = try Notation.gzip.decompress([compressed + [0x41]]) }
    }

    @Test("A zstd frame with a huge window is refused with a sentence")
    func window() throws {
        // Magic number, then a frame header without content size and with a window of 2^31 bytes.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00]
        let error = #expect(throws: CompressionError.self) { _ = try Notation.zstd.decompress([frame]) }
        #expect(error?.description.contains("64 MB") == true)
    }

    @Test(
        "Compressed bytes decompress to what was pushed, however it was split", arguments: [0, 1, 300_000, 2_000_000])
    func compressor(count: Int) throws {
        let bytes = sampleBytes(count)
        for piece in [1000, 65_536, 3_000_000] {
            var compressor = try ZstdCompressor()
            var compressed: [UInt8] = []
            func take(_ span: Span<UInt8>) { for index in span.indices { compressed.append(span[index]) } }
            var start = 0
            while start < count {
                let end = min(count, start + piece)
                try compressor.push(Array(bytes[start..<end]), take)
                start = end
            }
            try compressor.finish(take)
            #expect(try Notation.zstd.decompress([compressed]) == bytes)
            if count >= 300_000 { #expect(compressed.count < count / 2) }
        }
    }
}
