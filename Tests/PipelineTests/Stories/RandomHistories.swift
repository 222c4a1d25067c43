import Foundation

/// How many random histories the random suites try, and with which seeds.
///
/// `MEDALLION_HISTORIES` is their number in all, shared evenly among the tests; `MEDALLION_SEED` is the first seed: set it
/// to repeat a failure.
enum RandomHistories {
    /// Tests that share the number.
    private static let tests = 6
    private static let environment = ProcessInfo.processInfo.environment
    private static let perTest = max(1, (Int(environment["MEDALLION_HISTORIES"] ?? "") ?? 200) / tests)
    private static let firstSeed = UInt64(environment["MEDALLION_SEED"] ?? "") ?? 1

    /// The first seed of each group of so many.
    static func starts(by size: Int) -> [UInt64] {
        stride(from: 0, to: perTest, by: size).map { firstSeed + UInt64($0) }
    }
}
