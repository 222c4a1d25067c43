import TestKit
import Testing

/// Does each `TestWarehouse.load` twice: the second one must change nothing.
struct Twice: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await TestWarehouse.$repeatsLoads.withValue(true) { try await function() }
    }
}

extension Trait where Self == Twice {
    /// Each load twice.
    static var twice: Twice { Twice() }
}
