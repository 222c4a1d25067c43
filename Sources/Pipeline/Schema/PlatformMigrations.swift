public import Logging
internal import PlatformSQL
public import Postgres

extension Migrations {
    /// The platform's own schema: the migrations of `sql/platform`.
    public static func platform(
        appVersion: String, logger: Logger = Logger(label: "medallion.migrations")
    ) -> Migrations {
        platform(first: .max, appVersion: appVersion, logger: logger)
    }

    /// Only the first so many, as an older version had them.
    package static func platform(
        first count: Int, appVersion: String, logger: Logger = Logger(label: "medallion.migrations")
    ) -> Migrations {
        Migrations(
            PlatformSQL.migrations.prefix(count).enumerated().map {
                Migration(number: $0.offset + 1, name: $0.element.name, sql: $0.element.sql)
            }, appVersion: appVersion, logger: logger)
    }
}
