internal import Metadata
internal import Postgres
internal import Primitives

/// Evaluates the checks of one table inside the transaction that wrote its rows, without being able to write itself.
struct CheckRun {
    let subject: CheckSubject
    let connection: PostgresConnection

    private var plan: CheckPlan { CheckPlan(subject: subject) }

    /// What each check came to: one statement for all but those of type `sql`, and one more for each that is broken.
    func evaluate() async throws -> [CheckResult] {
        let counts = try await counts()
        var results: [CheckResult] = []
        for (check, count) in zip(subject.checks, counts) {
            switch count {
            case .failure(let error):
                results.append(
                    CheckResult(
                        check: check, violations: 0, message: "\(check.title) cannot be evaluated: \(error.safeMessage)"
                    ))
            case .success(0): results.append(CheckResult(check: check, violations: 0, message: nil))
            case .success(let number):
                let message = try await message(of: check, violations: number)
                results.append(CheckResult(check: check, violations: number, message: message))
            }
        }
        return results
    }

    private func counts() async throws -> [Result<Int, PostgresError>] {
        let together = subject.checks.compactMap { plan.violations(of: $0) }
        if together.count > 1, case .success(let row) = try await read(plan.count(together)) {
            var position = 0
            var all: [Result<Int, PostgresError>] = []
            for check in subject.checks {
                if plan.violations(of: check) != nil {
                    all.append(.success(try row[0].get(position, as: Int.self)))
                    position += 1
                } else {
                    all.append(try await count(check))
                }
            }
            return all
        }
        // One of them cannot be evaluated: each alone shows which.
        var all: [Result<Int, PostgresError>] = []
        for check in subject.checks { all.append(try await count(check)) }
        return all
    }

    private func count(_ check: Check) async throws -> Result<Int, PostgresError> {
        switch try await read(plan.count(of: check)) {
        case .success(let rows): .success(try rows[0].get(0, as: Int.self))
        case .failure(let error): .failure(error)
        }
    }

    /// Runs a query that can neither write nor leave a trace: in a read-only savepoint that is always rolled back.
    private func read(_ sql: SQLText) async throws -> Result<PostgresResult, PostgresError> {
        try await connection.execute("SAVEPOINT medallion_check")
        var outcome: Result<PostgresResult, PostgresError>
        do {
            try await connection.execute("SET LOCAL transaction_read_only = on")
            outcome = .success(try await connection.query(sql))
        } catch let error as PostgresError where error.sqlState != nil && !error.isTransient {
            outcome = .failure(error)
        }
        try await connection.execute("ROLLBACK TO SAVEPOINT medallion_check")
        try await connection.execute("RELEASE SAVEPOINT medallion_check")
        return outcome
    }

    /// `2 violations of not_null of city (id: 4; 17)`.
    private func message(of check: Check, violations: Int) async throws -> String {
        switch check.rule {
        case .minRows: return "\(check.title): \(violations) rows too few"
        case .maxRows: return "\(check.title): \(violations) rows too many"
        default: break
        }
        let text = "\(violations) \(violations == 1 ? "violation" : "violations") of \(check.title)"
        guard let sql = plan.samples(of: check), case .success(let rows) = try await read(sql), !rows.isEmpty else {
            return text
        }
        let shown: Set<String>
        var label = ""
        switch check.rule {
        case .unique(let columns):
            shown = Set(columns)
            label = columns.joined(separator: " | ")
        case .sql: shown = subject.personal
        default:
            shown = Set(subject.keys)
            label = subject.keys.joined(separator: " | ")
        }
        guard shown.isDisjoint(with: subject.personal) else { return "\(text) (‹personal data›)" }
        let samples = try rows.map { try $0.get(0, as: String.self) }.joined(separator: "; ")
        let clean = String(String.UnicodeScalarView(samples.unicodeScalars.map { $0.value < 0x20 ? "\u{FFFD}" : $0 }))
        return "\(text) (\(label.isEmpty ? "" : "\(label): ")\(clean)\(violations > rows.count ? " …" : ""))"
    }
}
