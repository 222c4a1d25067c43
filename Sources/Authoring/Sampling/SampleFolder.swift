import ConnectorKit
import Foundation
import Glibc

/// A folder for what is landed only to be looked at: for this user alone, gone with its owner.
public final class SampleFolder: Sendable {
    /// The folder's absolute path.
    public let path: String

    /// Makes a folder below the one for temporary files. Source: mkdtemp(3).
    /// - Throws: `ConnectorError` where none can be made.
    public init(environment: [String: String]) throws {
        let parent = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(parent)/medallion-sample-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ConnectorError(
                "cannot make a folder below \(parent): \(String(cString: strerror(errno)))",
                hint: "make it writable, or set TMPDIR to a folder that is")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        // What cannot be removed lies among temporary files, where only this user may enter.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// A new, empty folder within.
    func landing() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        let folder = "\(path)/\(names.count + 1)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        return folder
    }
}
