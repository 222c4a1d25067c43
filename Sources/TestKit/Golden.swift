import Foundation

/// Texts that are kept beside the tests and compared with what the code makes of them today.
public enum Golden {
    /// Compares a text with the file `Golden/<name>` beside the calling test.
    ///
    /// With `MEDALLION_GOLDEN=write` in the environment the file is written anew instead: read the difference before you
    /// commit it.
    /// - Returns: nil when they are equal, else where they part.
    public static func difference(of text: String, from name: String, beside file: String = #filePath) throws -> String?
    {
        let path = (file as NSString).deletingLastPathComponent + "/Golden/" + name
        if ProcessInfo.processInfo.environment["MEDALLION_GOLDEN"] == "write" {
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return nil
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            return "\(path) does not exist; make it with MEDALLION_GOLDEN=write"
        }
        let expected = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let found = text.split(separator: "\n", omittingEmptySubsequences: false)
        for line in 0..<max(expected.count, found.count) {
            let (was, now) = (
                line < expected.count ? expected[line] : "‹end›", line < found.count ? found[line] : "‹end›"
            )
            if was != now { return "\(name):\(line + 1)\nwas: \(was)\nnow: \(now)" }
        }
        return nil
    }
}
