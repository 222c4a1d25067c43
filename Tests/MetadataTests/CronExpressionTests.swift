import Metadata
import Testing

@Suite("Cron expression")
struct CronExpressionTests {
    @Test("Lists, ranges, steps and names are read")
    func everyForm() throws {
        let cron = try CronExpression("*/20,5 1-3,22 1,15 jan-mar/2,DEC mon-fri")
        #expect(cron.minutes == [0, 5, 20, 40])
        #expect(cron.hours == [1, 2, 3, 22])
        #expect(cron.days == [1, 15])
        #expect(cron.months == [1, 3, 12])
        #expect(cron.weekdays == [1, 2, 3, 4, 5])
        #expect(cron.eitherDaySuffices)
    }

    @Test("A single value with a step goes on to the end of its range")
    func openStep() throws {
        #expect(try CronExpression("40/10 0 * * *").minutes == [40, 50])
    }

    @Test("Sunday is 0 and 7, and a star restricts nothing")
    func sunday() throws {
        #expect(try CronExpression("0 0 * * 7").weekdays == [0])
        #expect(try CronExpression("0 0 * * 5-7").weekdays == [5, 6, 0])
        let everyDay = try CronExpression("0 0 * * *")
        #expect(everyDay.weekdays.count == 7 && everyDay.days.count == 31 && !everyDay.eitherDaySuffices)
    }

    @Test(
        "Nicknames are the expressions that they stand for",
        arguments: [
            ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"),
        ])
    func nicknames(name: String, expression: String) throws {
        #expect(try CronExpression(name) == CronExpression(expression))
    }

    @Test(
        "What is no schedule is refused",
        arguments: [
            "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *", "*/0 * * * *", "1/2/3 * * * *", "a * * * *", "1,,2 * * * *", ", * * * *", "- * * * *",
            "-1 * * * *",
            "+1 * * * *", "* * * foo *", "@reboot", "0 0 30 2 *", "0 0 31 4,6,9,11 *",
        ])
    func refusals(text: String) {
        #expect(throws: CronExpression.Fault.self) { try CronExpression(text) }
    }

    @Test("29 February is a day, and an impossible day of the month is fine where a weekday suffices")
    func rareDays() throws {
        #expect(try CronExpression("0 0 29 2 *").days == [29])
        #expect(try CronExpression("0 0 31 2 mon").eitherDaySuffices)
    }
}
