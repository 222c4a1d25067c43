import Compression
@testable import ConnectorKit
import Hashing
import TestKit
import Testing

@testable import Pipeline

@Suite("A raw file that is read")
struct RawFileReaderTests {
    @Test("comes in chunks of one size, however little it was compressed to")
    func compressedALot() throws {
        let folder = try TemporaryFolder()
        let record = Array("{\"id\":1,\"name\":\"the same as any other\"}\n".utf8)
        let bytes = [[UInt8]](repeating: record, count: 500_000).flatMap { $0 }
        var stored: [UInt8] = []
        var compressor = try ZstdCompressor()
        // Two frames, of which the first one ends within a chunk.
        for part in [bytes[..<1_000_000], bytes[1_000_000...]] {
            try compressor.push(Array(part)) { for index in $0.indices { stored.append($0[index]) } }
            try compressor.finish { for index in $0.indices { stored.append($0[index]) } }
        }
        #expect(stored.count < RawFileReader.chunkSize)
        try folder.write(stored, to: "00001.jsonl.zst")

        let file = Manifest.File(
            name: "00001.jsonl.zst", bytes: bytes.count, sha256: SHA256.hex(of: bytes.span), records: 500_000)
        var reader = try RawFileReader(file, folder: folder.path)
        var (all, sizes): ([UInt8], [Int]) = ([], [])
        while let chunk = try reader.next() {
            all += chunk
            sizes.append(chunk.count)
        }
        #expect(all == bytes)
        #expect(sizes.dropLast().allSatisfy { (RawFileReader.chunkSize..<2 * RawFileReader.chunkSize).contains($0) })
        #expect(sizes.count > 30)
    }
}
