import Foundation
import Primitives

/// Knows which IANA time zone names this machine can resolve.
enum TimeZoneName {
    /// Debian's and every other Linux's folder of zone files.
    private static let folder = "/usr/share/zoneinfo"

    /// True for `Europe/Berlin` and `UTC`, false for abbreviations of two meanings, offsets and paths.
    static func isKnown(_ name: String) -> Bool {
        guard FieldPattern("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$").matches(name),
            !name.hasPrefix("posix"), !name.hasPrefix("right")
        else { return false }
        if let file = FileHandle(forReadingAtPath: "\(folder)/\(name)") {
            // A folder opens but does not read: no zone either.
            return (try? file.read(upToCount: 4)) == Data("TZif".utf8)
        }
        // Machines without the tzdata package still know the names that Foundation brings along.
        return !FileManager.default.fileExists(atPath: "\(folder)/UTC") && (name == "UTC" || names.contains(name))
    }

    /// The known name most likely meant.
    static func nearest(to name: String) -> String? {
        nearestName(to: name, among: names + ["UTC"])
    }

    private static var names: [String] { TimeZone.knownTimeZoneIdentifiers }
}
