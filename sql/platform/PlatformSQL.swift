/// The numbered migrations of `sql/platform`, embedded into the binary, oldest first.
public enum PlatformSQL {
    /// Pairs of a migration's file name without its ending, and its SQL text.
    public static var migrations: [(name: String, sql: String)] {
        [
            ("0001_platform", String(decoding: PackageResources._001_platform_sql, as: UTF8.self)),
            ("0002_entity_shape", String(decoding: PackageResources._002_entity_shape_sql, as: UTF8.self)),
            ("0003_quality", String(decoding: PackageResources._003_quality_sql, as: UTF8.self)),
            ("0004_comments", String(decoding: PackageResources._004_comments_sql, as: UTF8.self)),
            ("0005_throughput", String(decoding: PackageResources._005_throughput_sql, as: UTF8.self)),
            (
                "0006_accepted_documents",
                String(decoding: PackageResources._006_accepted_documents_sql, as: UTF8.self)
            ),
            ("0007_scopes", String(decoding: PackageResources._007_scopes_sql, as: UTF8.self)),
            ("0008_orders", String(decoding: PackageResources._008_orders_sql, as: UTF8.self)),
            ("0009_times", String(decoding: PackageResources._009_times_sql, as: UTF8.self)),
            ("0010_gold_state", String(decoding: PackageResources._010_gold_state_sql, as: UTF8.self)),
        ]
    }
}
