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

    /// How many files of the folder are open in this process.
    private func openFiles() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
            // A descriptor may be gone before it is looked at.
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
            return target?.hasPrefix(folder.path) == true
        }
    }

    @Test("Many files that leave the cache together are what was written; few of them are open, and none at the end")
    func many() throws {
        let all = bytes(size)
        let sizes = [100, 70_000, 400_000, 5 << 20]
        func land() throws -> [Range<Int>] {
            var writer = RawWriter(folder: folder.path, shape: DocumentShape(format: .jsonl))
            var (ranges, place, most): ([Range<Int>], Int, Int) = ([], 0, 0)
            while place < all.count {
                let end = min(all.count, place + sizes[ranges.count % sizes.count])
                try writer.write(Array(all[place..<end]))
                most = max(most, try openFiles())
                ranges.append(place..<end)
                place = end
            }
            try writer.finish()
            #expect(most <= 34)
            return ranges
        }
        for (index, range) in try land().enumerated() {
            let number = String(index + 1)
            let name = String(repeating: "0", count: 5 - number.count) + number + ".jsonl"
            #expect(try folder.bytes(of: name) == Array(all[range]))
        }
        #expect(try openFiles() == 0)
    }

    @Test("A small file is not left in the cache where it is one of many", .enabled { try canEvict() })
    func oneOfMany() throws {
        try folder.write(bytes(400_000), to: "file")
        let descriptor = try open("file")
        defer { close(descriptor) }
        fsync(descriptor)
        for (total, stays) in [(size, false), (1 << 20, true)] {
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
            let passing = PassingFile(descriptor, of: total)
            #expect(!PassingFile.isCached(descriptor, at: 200_000))
            var content = [UInt8](repeating: 0, count: 400_000)
            #expect(pread(descriptor, &content, content.count, 0) == content.count)
            passing.ended()
            #expect(PassingFile.isCached(descriptor, at: 200_000) == stays)
        }
    }
}
