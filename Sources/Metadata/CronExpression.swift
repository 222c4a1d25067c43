/// A schedule in the five fields of cron: minute, hour, day of the month, month, day of the week.
///
/// Lists, ranges, steps, names of months and weekdays and `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` are
/// read as in crontab(5) (https://man7.org/linux/man-pages/man5/crontab.5.html); Sunday is 0 or 7.
public struct CronExpression: Hashable, Sendable {
    /// Minutes 0…59.
    public let minutes: Set<Int>
    /// Hours 0…23.
    public let hours: Set<Int>
    /// Days of the month 1…31.
    public let days: Set<Int>
    /// Months 1…12.
    public let months: Set<Int>
    /// Days of the week 0…6, Sunday first.
    public let weekdays: Set<Int>
    /// True when both days are restricted, so that either one suffices.
    public let eitherDaySuffices: Bool

    /// Why a text is no schedule: what, and what was expected.
    public struct Fault: Error, Hashable, Sendable {
        /// What is wrong.
        public var what: String
        /// What would be right.
        public var expected: String
    }

    /// Reads an expression.
    public init(_ text: String) throws(Fault) {
        let parts = (Self.nicknames[text] ?? text).split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        if parts.count == 1, parts[0].hasPrefix("@") {
            throw Fault(
                what: "unknown \(quoted(text))",
                expected: "one of \(Self.nicknames.keys.sorted().joined(separator: ", "))")
        }
        guard parts.count == 5 else {
            throw Fault(
                what: "\(quoted(text)) has \(parts.count) field\(parts.count == 1 ? "" : "s")",
                expected: "minute, hour, day of month, month, day of week")
        }
        minutes = try Part.minute.values(of: parts[0])
        hours = try Part.hour.values(of: parts[1])
        days = try Part.day.values(of: parts[2])
        months = try Part.month.values(of: parts[3])
        weekdays = Set(try Part.weekday.values(of: parts[4]).map { $0 % 7 })
        eitherDaySuffices = !parts[2].hasPrefix("*") && !parts[4].hasPrefix("*")
        let longest = months.map { $0 == 2 ? 29 : [4, 6, 9, 11].contains($0) ? 30 : 31 }.max() ?? 31
        if !eitherDaySuffices, let first = days.min(), first > longest {
            throw Fault(what: "\(quoted(text)) never happens", expected: "a day that its months have")
        }
    }

    private static let nicknames = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]
}

extension CronExpression {
    /// One of the five fields.
    private enum Part: String {
        case minute, hour
        case day = "day of month"
        case month
        case weekday = "day of week"

        private var range: ClosedRange<Int> {
            switch self {
            case .minute: 0...59
            case .hour: 0...23
            case .day: 1...31
            case .month: 1...12
            case .weekday: 0...7
            }
        }

        private var names: [String] {
            switch self {
            case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
            case .weekday: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
            default: []
            }
        }

        /// The values of a list such as `1,4-10/2,*/15`.
        func values(of text: String) throws(Fault) -> Set<Int> {
            var values: Set<Int> = []
            for item in text.split(separator: ",", omittingEmptySubsequences: false) {
                values.formUnion(try self.values(ofItem: String(item)))
            }
            return values
        }

        private func values(ofItem text: String) throws(Fault) -> [Int] {
            let halves = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard halves.count <= 2, let span = halves.first else { throw fault(text) }
            var step = 1
            if halves.count == 2 {
                guard let number = digits(halves[1]), number > 0 else { throw fault(text) }
                step = number
            }
            let bounds = try self.bounds(of: span, isStepped: halves.count == 2)
            return Array(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }

        /// `*`, `a`, `a-b`; with a step, `a` means `a` to the end.
        private func bounds(of text: String, isStepped: Bool) throws(Fault) -> ClosedRange<Int> {
            if text == "*" { return self == .weekday ? 0...6 : range }
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
            guard let first = ends.first, let low = value(of: first), ends.count <= 2 else { throw fault(text) }
            guard ends.count == 2 else { return low...(isStepped ? max(low, range.upperBound) : low) }
            guard let high = value(of: ends[1]), low <= high else { throw fault(text) }
            return low...high
        }

        private func value(of text: String) -> Int? {
            if let index = names.firstIndex(of: text.lowercased()) { return index + range.lowerBound }
            return digits(text).flatMap { range.contains($0) ? $0 : nil }
        }

        private func digits(_ text: String) -> Int? {
            text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(text) : nil
        }

        private func fault(_ text: String) -> Fault {
            Fault(
                what: "\(quoted(text)) is no \(rawValue)",
                expected:
                    "\(range.lowerBound)-\(range.upperBound)\(names.isEmpty ? "" : " or \(names[0])-\(names[names.count - 1])"), as *, a, a-b, with /step, in a list"
            )
        }
    }
}
