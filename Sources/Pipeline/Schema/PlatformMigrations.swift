public import Logging
internal import PlatformSQL
public import Postgres

extension Migrations {
    /// The platform's own schema: the migrations of `sql/platform`.
    /// - Parameter count: Only the first so many, as an older version had them.
    public static func platform(
        first count: Int = .max, appVersion: String = "", logger: Logger = Logger(label: "medallion.migrations")
    ) -> Migrations {
        Migrations(
            PlatformSQL.migrations.prefix(count).enumerated().map {
                Migration(number: $0.offset + 1, name: $0.element.name, sql: $0.element.sql)
            }, appVersion: appVersion, logger: logger)
    }
}
