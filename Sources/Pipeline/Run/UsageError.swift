public import Metadata
internal import Primitives

/// A request that cannot be carried out as it was made: exit code 2.
public struct UsageError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do: one line.
    public let description: String
    /// A request that cannot be carried out.
    public init(_ description: String) { self.description = description }

    /// A name that no system has: says which was most likely meant, else which there are.
    public static func noSystem(_ name: String, among known: [SystemID]) -> UsageError {
        let names = known.map(\.rawValue)
        let hint = nearestName(to: name, among: names).map { "did you mean '\($0)'?" }
        return UsageError("no system '\(name)'; \(hint ?? "known systems: \(names.joined(separator: ", "))")")
    }

    /// A name that no entity has: says which was most likely meant.
    public static func noEntity(_ name: String, among known: [EntityID]) -> UsageError {
        let hint = nearestName(to: name, among: known.map(\.description)).map { "did you mean '\($0)'?" }
        return UsageError("no entity '\(name)'; \(hint ?? "see medallion status")")
    }
}
