import ConnectorKit
import Foundation
import TestKit
import Testing

/// Files of a batch that may turn out to repeat those of an earlier one.
@Suite struct RepeatedFileTests {
    private let shape = DocumentShape(format: .jsonl)

    /// Lands payloads in pieces of random length.
    private func land(
        _ payloads: [[UInt8]], in folder: TemporaryFolder, compresses: Bool, standing: String? = nil,
        _ generator: inout SeededGenerator
    ) throws -> RawWriter {
        var writer = RawWriter(folder: folder.path, shape: shape, compresses: compresses, standing: standing)
        for payload in payloads {
            if !compresses, Bool.random(using: &generator) {
                try writer.write(writer.scan(payload))
                continue
            }
            try writer.open()
            var place = 0
            while place < payload.count {
                // How a text is compressed depends on its pieces.
                let length = compresses ? 100_000 : Int.random(in: 1...600_000, using: &generator)
                let end = min(payload.count, place + length)
                try writer.append(Array(payload[place..<end]))
                place = end
            }
            try writer.close()
        }
        return writer
    }

    private func lines(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        var text: [UInt8] = []
        for number in 0..<count {
            text +=
                Array(#"{"n":\#(number),"v":\#(UInt64.random(in: 0..<1_000_000, using: &generator))}"#.utf8) + [0x0A]
        }
        return text
    }

    /// The same, or another text that begins like it.
    private func varied(_ text: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var other = text
        switch Int.random(in: 0..<6, using: &generator) {
        case 0:
            guard let place = text.indices.filter({ (0x30...0x38).contains(text[$0]) }).randomElement(using: &generator)
            else { return text }
            other[place] += 1
        case 1: other += lines(1, &generator)
        case 2: other.removeLast(other.count - (other.firstIndex(of: 0x0A) ?? other.count - 1) - 1)
        case 3: other = lines(3, &generator)
        default: break
        }
        return other
    }

    @Test(
        "Whatever repeats the standing batch, files and manifest are as without it; what repeats is written last",
        arguments: 1...40)
    func anything(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let compresses = seed % 4 == 0
        let earlier = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            lines(.random(in: 1...60_000, using: &generator), &generator)
        }
        let now = earlier.map { varied($0, &generator) }
        let (standing, folder, plain) = (try TemporaryFolder(), try TemporaryFolder(), try TemporaryFolder())
        _ = try land(earlier, in: standing, compresses: compresses, &generator)
        var reference = try land(now, in: plain, compresses: compresses, &generator)
        var writer = try land(now, in: folder, compresses: compresses, standing: standing.path, &generator)
        #expect(writer.files == reference.files)
        // From the first file that differs on, nothing is compared any more.
        let same = zip(earlier, now).prefix { $0 == $1 }.count
        #expect(try folder.names() == writer.files.dropFirst(same).map(\.name))
        #expect(writer.hasWritten == (same < now.count))
        try writer.finish()
        try reference.finish()
        #expect(try folder.names() == plain.names())
        for name in try plain.names() { #expect(try folder.bytes(of: name) == plain.bytes(of: name)) }
    }

    @Test("A standing file that is gone, damaged or a link is not relied upon")
    func damaged() throws {
        var generator = SeededGenerator(seed: 1)
        let text = lines(40_000, &generator)
        for damage in ["gone", "short", "other", "link"] {
            let (standing, folder) = (try TemporaryFolder(), try TemporaryFolder())
            _ = try land([text], in: standing, compresses: false, &generator)
            switch damage {
            case "short": try standing.write(Array(text.dropLast(5)), to: "00001.jsonl")
            case "other": try standing.write(text.dropLast(5) + Array("oops\n".utf8), to: "00001.jsonl")
            default: try FileManager.default.removeItem(atPath: standing.path(of: "00001.jsonl"))
            }
            if damage == "link" { try standing.link("00001.jsonl", to: standing.write(text, to: "away")) }
            let writer = try land([text], in: folder, compresses: false, standing: standing.path, &generator)
            #expect(try folder.bytes(of: "00001.jsonl") == text, "\(damage)")
            #expect(writer.files.first?.bytes == text.count)
        }
    }
}
