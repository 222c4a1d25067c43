@testable import ConnectorKit
import Foundation
import Glibc
import TestKit
import Testing

/// Files that pass through once are not left in the page cache (ADR 0032).
@Suite struct PassingFileTests {
    private let folder: TemporaryFolder
    private let size = 64 << 20

    init() throws { folder = try TemporaryFolder() }

    /// Bytes that tell their place.
    private func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 7, count: count)
        for place in stride(from: 0, to: count, by: 997) { bytes[place] = UInt8(truncatingIfNeeded: place / 997) }
        return bytes
    }

    private func open(_ name: String) throws -> Int32 {
        let descriptor = Glibc.open(folder.path(of: name), O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        return descriptor
    }

    /// Reads all of it as a layer does.
    private func read(_ descriptor: Int32) -> [UInt8] {
        var passing = PassingFile(descriptor)
        var (all, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 300_000))
        while case let count = Glibc.read(descriptor, &chunk, chunk.count), count > 0 {
            all += chunk[..<count]
            passing.passed(all.count)
        }
        return all
    }

    /// False on file systems that are memory themselves.
    private static func canEvict() throws -> Bool {
        let folder = try TemporaryFolder()
        try folder.write([UInt8](repeating: 1, count: 1 << 20), to: "probe")
        let descriptor = Glibc.open(folder.path(of: "probe"), O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        return !PassingFile.isCached(descriptor, at: 1 << 19)
    }

    @Test("What was not in the cache is not left there, and read rightly all the same", .enabled { try canEvict() })
    func passes() throws {
        let all = bytes(size)
        try folder.write(all, to: "file")
        let descriptor = try open("file")
        defer { close(descriptor) }
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        #expect(!PassingFile.isCached(descriptor, at: size / 2))
        for _ in 1...2 {
            lseek(descriptor, 0, SEEK_SET)
            #expect(read(descriptor) == all)
            #expect(!PassingFile.isCached(descriptor, at: size / 2))
        }
    }

    @Test("To ask whether a file is in the cache does not bring it there", .enabled { try canEvict() })
    func asks() throws {
        try folder.write(bytes(size), to: "file")
        let descriptor = try open("file")
        defer { close(descriptor) }
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        for _ in 1...100 { #expect(!PassingFile.isCached(descriptor, at: size / 2)) }
    }

    @Test("What was in the cache stays there")
    func stays() throws {
        let all = bytes(size)
        try folder.write(all, to: "file")
        let descriptor = try open("file")
        defer { close(descriptor) }
        #expect(read(descriptor) == all)
        #expect(PassingFile.isCached(descriptor, at: size / 2))
    }

    @Test("A file that leaves the cache while it is written is what was written", arguments: [1, 100_000, 3 << 20])
    func written(piece: Int) throws {
        let all = bytes(piece == 1 ? 100 : size)
        var file = try DurableFile(creating: folder.path(of: "file"))
        var place = 0
        while place < all.count {
            let end = min(all.count, place + piece)
            try file.write(Array(all[place..<end]).span)
            place = end
        }
        try file.publish()
        #expect(try folder.bytes(of: "file") == all)
    }
}
