import Compression
import Hashing
import JSON
import Pipeline
import Postgres
import Primitives

/// Times the steps that a record takes in the client, each alone: `make bench-micro`, or with a word of a name as argument.
@main
struct Main {
    static func main() throws {
        let wanted = CommandLine.arguments.dropFirst()
        let people = MadeUpPeople(2000)
        print("\(people.records.count) records of \(people.lines.count / people.records.count) bytes, 11 rounds each")
        Benchmark.printHead()
        let all = try scanning(people) + reading(people) + encoding(people) + hashing(people) + compressing(people)
        for benchmark in all where wanted.isEmpty || wanted.contains(where: benchmark.name.contains) {
            try benchmark.measure(milliseconds: 50)
        }
        print("all results in one number: \(Consumed.value)")
    }

    /// As the raw layer counts: chunk by chunk.
    private static func scanning(_ people: MadeUpPeople) -> [Benchmark] {
        func scan(_ name: String, _ format: RecordFormat, _ text: [UInt8]) -> Benchmark {
            Benchmark(name: name, unit: "record", count: people.records.count, bytes: text.count) {
                var scanner = RecordScanner(format)
                try eachChunk(of: text) { try scanner.feed($0) }
                try scanner.finish()
                return UInt64(scanner.records)
            }
        }
        return [
            scan("RecordScanner, JSON Lines", .lines, people.lines),
            scan("RecordScanner, one array", .text(path: []), people.array),
        ]
    }

    /// As the bronze layer reads: records and their cells, then typed values and hashes.
    private static func reading(_ people: MadeUpPeople) -> [Benchmark] {
        let entity = MadeUpPeople.entity
        let paths = DocumentReader.paths(of: entity)
        func windows(_ name: String, _ format: RecordFormat, _ text: [UInt8]) -> Benchmark {
            Benchmark(name: name, unit: "record", count: people.records.count, bytes: text.count) {
                var window = RecordWindow(format, paths: paths)
                var found: UInt64 = 0
                try eachChunk(of: text) { chunk in
                    try window.push(chunk)
                    for record in 0..<window.count { found &+= UInt64(window.kind(record, paths.count - 1).rawValue) }
                }
                try window.finish()
                return found &+ UInt64(window.count)
            }
        }
        let typing = Benchmark(
            name: "DocumentReader, 14 columns and their hashes", unit: "record", count: people.records.count,
            bytes: people.lines.count
        ) {
            var window = RecordWindow(.lines, paths: paths)
            var reader = DocumentReader(entity, timezone: "UTC", readsLooseBooleans: false)
            var sum: UInt64 = 0
            try eachChunk(of: people.lines) { chunk in
                try window.push(chunk)
                for record in 0..<window.count {
                    guard case .accepted = reader.read(window, record) else { throw Unexpected() }
                    sum ^= reader.keyHash().low ^ reader.versionedHash().low
                }
            }
            return sum
        }
        return [
            windows("RecordWindow, JSON Lines, 14 paths", .lines, people.lines),
            windows("RecordWindow, one array, 14 paths", .text(path: []), people.array), typing,
        ]
    }

    /// As silver's stage is filled: fourteen values and what the platform adds.
    private static func encoding(_ people: MadeUpPeople) -> [Benchmark] {
        let document = people.records[0]
        let count = 1000
        let text = Array("Chloé Dąbrowski".utf8)
        func encode(into buffer: inout CopyBuffer) {
            let id = UUIDValue(high: 0x1234_5678_9ABC_4DEF, low: 0x8123_4567_89AB_CDEF)
            for number in 0..<count {
                buffer.beginRow(columns: 14)
                buffer.append(uuid: id)
                buffer.append(uuid: id)
                buffer.append(int64: Int64(number))
                for _ in 0..<4 { buffer.append(text: text.span) }
                buffer.append(int32: Int32(number))
                buffer.append(double: Double(number))
                buffer.append(bool: true)
                buffer.append(dateDaysSinceUnixEpoch: Int64(number))
                buffer.append(instant: Int64(number))
                buffer.append(jsonb: document.span)
                buffer.appendNull()
            }
        }
        var buffer = CopyBuffer()
        encode(into: &buffer)
        return [
            Benchmark(name: "CopyBuffer, a row of 14 values", unit: "row", count: count, bytes: buffer.byteCount) {
                encode(into: &buffer)
                let bytes = buffer.takeBytes()
                return UInt64(bytes.count) &+ UInt64(bytes[bytes.count / 2])
            }
        ]
    }

    private static func hashing(_ people: MadeUpPeople) -> [Benchmark] {
        let large =
            Array(people.lines.prefix(1 << 20)) + Array(repeating: 0, count: max(0, (1 << 20) - people.lines.count))
        let keys = (0..<1000).map { number in (0..<16).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0 &* 7) } }
        let bytes = people.records.reduce(0) { $0 + $1.count }
        return [
            Benchmark(name: "SHA256 of 1 MiB", unit: "call", count: 1, bytes: large.count) {
                var digest = SHA256()
                digest.update(large.span)
                return digest.finishTruncated().low
            },
            Benchmark(name: "SHA256 of a key of 16 bytes", unit: "key", count: keys.count, bytes: keys.count * 16) {
                var digest = SHA256()
                var sum: UInt64 = 0
                for key in keys {
                    digest.update(key.span)
                    sum ^= digest.finishTruncated().low
                }
                return sum
            },
            Benchmark(name: "XXH3 of a record", unit: "record", count: people.records.count, bytes: bytes) {
                people.records.reduce(into: 0) { $0 ^= XXH3.hash128($1.span).low }
            },
        ]
    }

    private static func compressing(_ people: MadeUpPeople) throws -> [Benchmark] {
        [
            Benchmark(
                name: "zstd -1 of JSON Lines", unit: "record", count: people.records.count, bytes: people.lines.count
            ) {
                var compressor = try ZstdCompressor()
                var size = 0
                try eachChunk(of: people.lines) { chunk in try compressor.push(chunk) { size += $0.count } }
                try compressor.finish { size += $0.count }
                return UInt64(size)
            }
        ]
    }

    /// Lends a text in pieces, as files are read.
    private static func eachChunk(of text: [UInt8], _ body: (Span<UInt8>) throws -> Void) rethrows {
        var at = 0
        while at < text.count {
            let end = min(at + (256 << 10), text.count)
            try body(text.span.extracting(at..<end))
            at = end
        }
    }
}

/// A record that must be readable is not.
struct Unexpected: Error {}
