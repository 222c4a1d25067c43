@testable import ConnectorKit
import Foundation
import Hashing
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// A file is hashed once in a run (ADR 0028), as long as it is the one that was landed.
@Suite("A file that was landed in this process")
struct LandedFilesTests {
    private let folder: TemporaryFolder
    private let landed = LandedFiles()
    private let bytes = Array("{\"id\":1}\n{\"id\":2}\n".utf8)
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = try folder.write(bytes, to: "00001.jsonl")
        landed.add(path, XXH3.hash128(bytes.span))
    }

    /// Reads the file to its end, as one whose checksum is `sha256`.
    private func read(checksum sha256: String, count: Int? = nil) throws -> [UInt8] {
        let file = Manifest.File(name: "00001.jsonl", bytes: count ?? bytes.count, sha256: sha256, records: 2)
        var reader = try RawFileReader(file, folder: folder.path, landed: landed)
        var all: [UInt8] = []
        while let chunk = try reader.next() { all += chunk }
        return all
    }

    private var checksum: String { SHA256.hex(of: bytes.span) }

    /// The clock that files are stamped with ticks every few milliseconds.
    private func touch(_ change: () throws -> Void) throws {
        Thread.sleep(forTimeInterval: 0.02)
        try change()
    }

    @Test("is believed by its inode, size and time of change; its size is checked all the same")
    func untouched() throws {
        // No file has this checksum: only one that is not hashed gets through.
        #expect(try read(checksum: "none") == bytes)
        #expect(throws: StepError.self) { try read(checksum: "none", count: bytes.count + 1) }
    }

    @Test("is hashed again where it was written over, grew, was replaced, or was given an older time")
    func touched() throws {
        for change in ["write", "append", "replace", "time"] {
            landed.add(path, XXH3.hash128(bytes.span))
            #expect(try read(checksum: "none") == bytes)
            try touch {
                switch change {
                case "write":
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.write(contentsOf: bytes)
                    try handle.close()
                case "append":
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.seekToEnd()
                    try handle.write(contentsOf: [0x0A])
                    try handle.truncate(atOffset: UInt64(bytes.count))
                    try handle.close()
                case "replace":
                    try folder.write(bytes, to: "other")
                    try FileManager.default.removeItem(atPath: path)
                    try FileManager.default.moveItem(atPath: folder.path(of: "other"), toPath: path)
                default:
                    try FileManager.default.setAttributes(
                        [.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: path)
                }
            }
            #expect(throws: StepError.self, "\(change)") { try read(checksum: "none") }
            #expect(try read(checksum: checksum) == bytes, "\(change)")
        }
    }

    @Test("is not believed where its disk gives back something else")
    func corrupted() throws {
        landed.add(path, .zero)
        #expect(throws: StepError.self) { try read(checksum: checksum) }
    }

    @Test("is known once its checksum was proved, also where another process landed it")
    func proved() throws {
        try touch { try folder.write(bytes, to: "00001.jsonl") }
        #expect(throws: StepError.self) { try read(checksum: "none") }
        #expect(try read(checksum: checksum) == bytes)
        #expect(try read(checksum: "none") == bytes)
    }

    @Test("is hashed by whoever does not know of it")
    func elsewhere() throws {
        let file = Manifest.File(name: "00001.jsonl", bytes: bytes.count, sha256: "none", records: 2)
        var reader = try RawFileReader(file, folder: folder.path)
        #expect(try reader.next() == bytes)
        #expect(throws: StepError.self) { try reader.next() }
    }
}
