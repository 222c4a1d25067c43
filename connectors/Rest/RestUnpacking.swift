import Compression
import ConnectorKit
import Foundation
import HTTPTransport

/// What a page holds: itself, the text in a gzip file, or the files of a zip archive in the order of their names.
struct RestUnpacking {
    /// The texts, each a payload of its own.
    let texts: [[UInt8]]

    /// - Parameters:
    ///   - limit: Bytes that all texts together may have.
    ///   - copy: Where an archive lies while it is read; removed behind it.
    /// - Throws: `ConnectorError` of kind parse for what is damaged or too large.
    init(_ page: RestPage, limit: Int, copy: String) throws {
        do {
            if page.body.starts(with: [0x1F, 0x8B]) {
                texts = [try Self.inflated(page.body, limit)]
            } else if page.body.starts(with: Array("PK\u{3}\u{4}".utf8)) {
                texts = try Self.members(page.body, limit, copy)
            } else {
                texts = [page.body]
            }
        } catch let error as CompressionError {
            throw ConnectorError(
                "the packed body is damaged or too large: \(error)", kind: .parse,
                hint: "fetch it again, or raise connection.max_body_mb")
        }
    }

    private static func inflated(_ body: [UInt8], _ limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var inflater = try Inflater(limit: limit)
        try inflater.push(body.span) { bytes.append(contentsOf: $0.withUnsafeBufferPointer { Array($0) }) }
        try inflater.finish()
        return bytes
    }

    private static func members(_ body: [UInt8], _ limit: Int, _ copy: String) throws -> [[UInt8]] {
        let file = URL(fileURLWithPath: copy)
        // It holds what a source sent, for a moment.
        try Data(body).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let archive = try ZipArchive(copy)
        var left = limit
        var texts: [[UInt8]] = []
        let members = archive.members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for member in members where !member.name.hasSuffix("/") {
            var bytes: [UInt8] = []
            try archive.read(member) { chunk in
                left -= chunk.count
                guard left >= 0 else {
                    throw ConnectorError(
                        "the archive holds more than \(limit) bytes", kind: .parse, hint: "raise connection.max_body_mb"
                    )
                }
                bytes.append(contentsOf: chunk.withUnsafeBufferPointer { Array($0) })
            }
            texts.append(bytes)
        }
        return texts
    }
}
