/// The program's version, as the audit records it.
enum Version {
    static let current = "0.1.0"
}
