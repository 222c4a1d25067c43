@testable import ConnectorKit
import JSON
import Metadata
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Pipeline

/// Files are read behind whoever writes them (ADR 0034).
@Suite("Files that are read while they land")
struct ArrivingFilesTests {
    private let folder: TemporaryFolder
    private let progress = LandingProgress()
    private let files: ArrivingFiles
    private let shape = DocumentShape(format: .jsonl)

    init() throws {
        folder = try TemporaryFolder()
        files = ArrivingFiles(progress, folder: folder.path)
    }

    private func writer() -> RawWriter {
        var writer = RawWriter(folder: folder.path, shape: shape)
        writer.tell(progress)
        return writer
    }

    private static func records(_ range: Range<Int>) -> [UInt8] {
        range.flatMap { Array("{\"id\":\($0)}\n".utf8) }
    }

    /// Reads all records as they come; their ids, and the numbers of their files.
    private func read() async throws -> (ids: [String], files: Set<Int>) {
        var reader = try BatchReader(.arriving(files), of: shape, paths: [["id"]])
        var (ids, numbers): ([String], Set<Int>) = ([], [])
        while try await reader.nextArrived() {
            for index in 0..<reader.window.count {
                ids.append(reader.window.withRecord(index) { String(decoding: [UInt8](copying: $0), as: UTF8.self) })
                numbers.insert(reader.fileNumber)
            }
        }
        return (ids, numbers)
    }

    @Test("come whole and in order, one that grows, and some that were there before anybody looked")
    func whole() async throws {
        var writer = writer()
        let all = Self.records(0..<60_000)
        try writer.write(Array(all[..<(all.firstIndex(of: 0x0A) ?? 0)]) + [0x0A])
        try writer.open()
        async let found = read()
        var place = (all.firstIndex(of: 0x0A) ?? 0) + 1
        while place < all.count {
            let end = min(all.count, place + 99_991)
            try writer.append(Array(all[place..<end]))
            place = end
            try await Task.sleep(for: .milliseconds(10))
        }
        try writer.close()
        try writer.write(Self.records(60_000..<60_001))
        writer.tellEnd()
        let (ids, numbers) = try await found
        #expect(ids == (0...60_000).map { "{\"id\":\($0)}" })
        #expect(numbers == [1, 2, 3])
        #expect(progress.landed == writer.files)
    }

    @Test("are waited for so long in all, however short each wait, and half as long as there was something to read")
    func slow() async throws {
        var writer = writer()
        try writer.open()
        let chunk = Self.records(0..<60_000)
        #expect(chunk.count > RawFileReader.chunkSize)
        let impatient = ArrivingFiles(progress, folder: folder.path, patience: .milliseconds(100))
        let isDone = Mutex(false)
        let reading = Task {
            defer { isDone.withLock { $0 = true } }
            var byte = 0
            while true {
                try await impatient.wait(for: 0, behind: byte)
                byte += RawFileReader.chunkSize
            }
        }
        let start = ContinuousClock.now
        // A chunk comes for each wait; nobody is waited for as long as a tenth of a second.
        while !isDone.withLock({ $0 }), ContinuousClock.now - start < .seconds(20) {
            try writer.append(Array(chunk[..<RawFileReader.chunkSize]))
            try await Task.sleep(for: .milliseconds(10))
        }
        await #expect(throws: SlowLanding.self) { try await reading.value }
        #expect(ContinuousClock.now - start < .seconds(20))
        // Nothing is left.
        #expect(try await impatient.wait(forBytes: 1 << 40) == false)
    }

    @Test("may be those of an earlier batch that come again, or begin as those do")
    func repeated() async throws {
        let (earlier, other) = (try TemporaryFolder(), try TemporaryFolder())
        let payloads = [0..<40_000, 40_000..<80_000, 80_000..<80_001].map(Self.records)
        var standing = RawWriter(folder: earlier.path, shape: shape)
        for payload in payloads { try standing.write(payload) }

        var writer = RawWriter(folder: folder.path, shape: shape, standing: earlier.path)
        writer.tell(progress)
        async let found = read()
        try writer.write(payloads[0])
        #expect((progress.bytes, progress.news) == (payloads[0].count, 0))
        #expect(try await files.wait(forBytes: 1))
        try writer.open()
        let half = payloads[1].count / 2
        try writer.append(Array(payloads[1][..<half]))
        #expect(progress.file(at: 1) == nil)
        let rest = Array(payloads[1][half...].prefix { $0 != 0x0A }) + [0x0A] + Self.records(80_000..<120_000)
        try writer.append(rest)
        #expect(progress.news == half + rest.count)
        try writer.close()
        try writer.write(payloads[2])
        writer.tellEnd()
        let landed = try await places(
            .landed(writer.files.dropFirst().map(\.self), bytes: 0, folder: folder.path, nil), of: shape)
        let (ids, numbers) = try await found
        #expect(ids.count == 40_000 + landed.count)
        #expect(ids.first == "{\"id\":0}" && ids.last == "{\"id\":80000}")
        #expect(numbers == [1, 2, 3])
        #expect(progress.landed == writer.files)

        // All of it comes again.
        let same = LandingProgress()
        var again = RawWriter(folder: other.path, shape: shape, standing: earlier.path)
        again.tell(same)
        for payload in payloads { try again.write(payload) }
        again.tellEnd()
        #expect(try await ArrivingFiles(same, folder: other.path).wait(forNews: 1) == false)
        #expect(same.landed == standing.files)
    }

    @Test("count for nothing where one did not come to its end, or fewer came than were hoped for")
    func broken() async throws {
        var writer = RawWriter(folder: folder.path, shape: DocumentShape(format: .json))
        writer.tell(progress)
        try writer.write(Array(#"[{"id":1}]"#.utf8))
        #expect(throws: ConnectorError.self) { try writer.write(Array(#"[{"id":2},"#.utf8)) }
        try writer.write(Array(#"[{"id":3}]"#.utf8))
        writer.tellEnd()
        #expect(progress.phase == .broken)
        await #expect(throws: SlowLanding.self) { try await read() }

        let (few, other) = (LandingProgress(), try TemporaryFolder())
        var small = RawWriter(folder: other.path, shape: shape)
        small.tell(few)
        try small.write(Self.records(0..<3))
        small.tellEnd()
        #expect(try await ArrivingFiles(few, folder: other.path).wait(forBytes: 1 << 20) == false)
        #expect(try await ArrivingFiles(few, folder: other.path).wait(forBytes: 1))
    }

    /// Opens the file again and again, until it has landed.
    @concurrent
    private func open(_ file: LandingProgress.File, at place: Int) async throws -> Int {
        var count = 0
        repeat {
            _ = try RawFileReader(arriving: file, at: place, of: files)
            count += 1
            await Task.yield()
            try Task.checkCancellation()
        } while progress.file(at: place)?.landed == nil
        return count
    }

    @Test("can be opened at the very moment when they get their names")
    func named() async throws {
        var writer = writer()
        for place in 0..<100 {
            try writer.open()
            try writer.append(Self.records(0..<3))
            let file = try #require(progress.file(at: place))
            #expect(file.landed == nil)
            async let opened = open(file, at: place)
            try await Task.sleep(for: .microseconds(200))
            try writer.close()
            #expect(try await opened > 0)
        }
    }

    @Test("are what was landed, or are refused")
    func changed() async throws {
        var writer = writer()
        try writer.write(Self.records(0..<3))
        writer.tellEnd()
        try folder.write(Self.records(5..<8), to: "00001.jsonl")
        await #expect(throws: StepError.self) { try await read() }
    }

    /// A payload of one format, and what it is called in a failure.
    struct Payloads: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var shape: DocumentShape
        var files: [String]

        private static func lines(_ count: Int) -> String { (0..<count).map { "{\"id\":\($0)}\n" }.joined() }

        /// Lines of exactly so many bytes.
        private static func lines(bytes: Int) -> String {
            let start = "{\"id\":1,\"v\":\""
            return start + String(repeating: "x", count: bytes - start.utf8.count - 3) + "\"}\n"
        }

        static let all = [
            Payloads(
                testDescription: "lines", shape: DocumentShape(format: .jsonl),
                files: [lines(30_000), lines(1), String(lines(3).dropLast())]),
            Payloads(
                testDescription: "empty files", shape: DocumentShape(format: .jsonl), files: ["", lines(2), "", ""]),
            Payloads(
                testDescription: "nothing but empty files", shape: DocumentShape(format: .jsonl), files: ["", ""]),
            Payloads(testDescription: "no file", shape: DocumentShape(format: .jsonl), files: []),
            Payloads(
                testDescription: "sizes about a chunk", shape: DocumentShape(format: .jsonl),
                files: [-1, 0, 1].flatMap {
                    [lines(bytes: RawFileReader.chunkSize + $0), lines(bytes: 2 * RawFileReader.chunkSize + $0)]
                }),
            Payloads(
                testDescription: "arrays", shape: DocumentShape(format: .json),
                files: ["[" + (0..<30_000).map { "{\"id\":\($0)}" }.joined(separator: ", ") + "]", "[]"]),
            Payloads(
                testDescription: "csv", shape: DocumentShape(format: .csv),
                files: ["id,v\n" + (0..<30_000).map { "\($0),\"a\nb\"\n" }.joined(), "id,v\n1,2,3\n"]),
            Payloads(
                testDescription: "xml", shape: DocumentShape(format: .xml, recordsPath: "/rows/row"),
                files: ["<rows>" + (0..<9_000).map { "<row><id>\($0)</id></row>" }.joined() + "</rows>"]),
        ]
    }

    /// What a reading gives: each record's place, text and problem.
    private func places(_ files: RawFiles, of shape: DocumentShape) async throws -> [String] {
        var reader = try BatchReader(files, of: shape, paths: [["id"]])
        var found: [String] = []
        while try await reader.nextArrived() {
            for index in 0..<reader.window.count {
                let text = reader.window.withRecord(index) { String(decoding: [UInt8](copying: $0), as: UTF8.self) }
                let reason = reader.problem(at: index)?.reason ?? ""
                found.append(
                    "\(reader.fileNumber) \(reader.firstRecord + index) \(reader.firstOrdinal + index) \(text) \(reason)"
                )
            }
        }
        return found
    }

    @Test("give what they give when they are there", arguments: Payloads.all)
    func same(_ payloads: Payloads) async throws {
        var writer = RawWriter(folder: folder.path, shape: payloads.shape)
        writer.tell(progress)
        async let arriving = places(.arriving(files), of: payloads.shape)
        for text in payloads.files {
            try writer.open()
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: 100_003) {
                try writer.append(Array(bytes[start..<min(bytes.count, start + 100_003)]))
                try await Task.sleep(for: .milliseconds(3))
            }
            try writer.close()
        }
        writer.tellEnd()
        let landed = try await places(.landed(writer.files, bytes: 0, folder: folder.path, nil), of: payloads.shape)
        #expect(try await arriving == landed)
        #expect(landed.count == writer.files.reduce(0) { $0 + $1.records })
    }
}
