import Foundation

/// The demo's project: the metadata, the gold SQL and the secret that a user would write.
enum DemoProject {
    static func write(to folder: String, port: Int) throws {
        let files = [
            "metadata/systems.json": ShopMetadata.systems(port: port), "metadata/entities.json": ShopMetadata.entities,
            "sql/gold/customer_moves.sql": customerMoves,
            "metadata/secrets.json": "{\"providers\": [{\"type\": \"files\", \"folders\": [\"secrets\"]}]}\n",
            "secrets/shop_token": ShopServer.token + "\n",
        ]
        for (name, text) in files {
            let url = URL(fileURLWithPath: "\(folder)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
            guard name.hasPrefix("secrets/") else { continue }
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
        }
    }

    private static let customerMoves = """
        -- description: Every move of a customer: from where to where, and since when
        -- materialize: view
        SELECT later.id, later.name, earlier.city AS from_city, later.city AS to_city, later._valid_from AS moved_at
        FROM silver.shop_customers later
        JOIN silver.shop_customers earlier ON earlier.id = later.id AND earlier._valid_to = later._valid_from
        WHERE (earlier.street, earlier.city) IS DISTINCT FROM (later.street, later.city)

        """
}
