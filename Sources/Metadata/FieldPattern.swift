/// A regular expression that a whole text must match, scalar by scalar, so that no accent hides behind a letter.
struct FieldPattern: Sendable {
    private let pattern: String

    init(_ pattern: String) { self.pattern = pattern }

    func matches(_ text: String) -> Bool {
        do {
            return try Regex(pattern).matchingSemantics(.unicodeScalar).wholeMatch(in: text) != nil
        } catch {
            preconditionFailure("the pattern \(pattern) of a field is no regular expression: \(error)")
        }
    }
}

/// `userId`, `User Id` and `user-id` as `user_id`: the name that a foreign one most likely becomes.
func snakeCase(_ text: String) -> String {
    var name = ""
    var previousIsLower = false
    for scalar in text.unicodeScalars {
        switch scalar {
        case "a"..."z", "0"..."9":
            name.unicodeScalars.append(scalar)
            previousIsLower = true
        case "A"..."Z":
            if previousIsLower { name += "_" }
            name += scalar.properties.lowercaseMapping
            previousIsLower = false
        default:
            if !name.isEmpty, !name.hasSuffix("_") { name += "_" }
            previousIsLower = false
        }
    }
    while name.hasSuffix("_") { name.removeLast() }
    return name
}
