import Testing

/// `#expect` shows no values of calls that throw or wait; this shows both.
func expect<Value: Equatable>(
    _ found: Value, equals expected: Value, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found == expected, comment, sourceLocation: sourceLocation)
}
