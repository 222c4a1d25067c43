/// The metadata of the demo's system `shop`, as a user would write them.
enum ShopMetadata {
    /// `metadata/systems.json` for a shop on that port.
    static func systems(port: Int) -> String {
        """
        [
          {
            "id": "shop",
            "name": "Web shop",
            "description": "Customers, products and orders of the demo's web shop.",
            "type": "rest",
            "connection": {
              "base_url": "http://127.0.0.1:\(port)/api",
              "auth": {"type": "bearer", "token": {"secret": "shop_token"}},
              "timeout_s": 10
            }
          }
        ]

        """
    }

    /// `metadata/entities.json`: customers and products in full, orders by their changes, and the lines within
    /// them.
    static let entities = """
        [
          {
            "name": "customers",
            "description": "Customers of the web shop with their address.",
            "system_id": "shop",
            "load_type": "full",
            "source": {
              "path": "/customers",
              "records_path": "/data",
              "pagination": {
                "type": "page", "size_param": "per_page", "page_size": 25,
                "total_pages_path": "/pages", "total_path": "/total"
              }
            },
            "key": ["id"],
            "columns": [
              {"name": "id", "type": "int", "description": "Number of the customer."},
              {"name": "name", "type": "string", "length": 80, "nullable": false, "description": "First and last name."},
              {"name": "email", "type": "string", "length": 120, "description": "Address for messages."},
              {"name": "street", "type": "text", "path": "/address/street", "description": "Street and number."},
              {"name": "postcode", "type": "string", "length": 10, "path": "/address/postcode", "description": "Postcode."},
              {"name": "city", "type": "text", "path": "/address/city", "description": "City."},
              {"name": "country", "type": "string", "length": 2, "path": "/address/country", "description": "ISO 3166-1 code."},
              {"name": "business", "type": "boolean", "description": "True for companies."},
              {"name": "tags", "type": "json", "scd": 1, "description": "Labels that marketing gave."},
              {"name": "last_login", "type": "timestamptz", "scd": 1, "description": "Last login; overwritten, no version."},
              {"name": "created_at", "type": "timestamptz", "description": "Registration."},
              {"name": "updated_at", "type": "timestamptz", "scd": 1, "description": "Last change in the shop."}
            ]
          },
          {
            "name": "products",
            "description": "Products of the web shop.",
            "system_id": "shop",
            "load_type": "full",
            "source": {
              "path": "/products",
              "records_path": "/data",
              "pagination": {"type": "page", "size_param": "per_page", "page_size": 10}
            },
            "key": ["id"],
            "columns": [
              {"name": "id", "type": "int", "description": "Number of the product."},
              {"name": "sku", "type": "string", "length": 20, "nullable": false, "description": "Stock keeping unit."},
              {"name": "name", "type": "string", "length": 80, "nullable": false, "description": "Name in the catalogue."},
              {"name": "category", "type": "string", "length": 20, "description": "Category."},
              {"name": "price", "type": "numeric", "precision": 10, "scale": 2, "description": "Price of one piece."},
              {"name": "currency", "type": "string", "length": 3, "description": "ISO 4217 code."},
              {"name": "stock", "type": "int", "scd": 1, "description": "Pieces in stock; overwritten, no version."}
            ]
          },
          {
            "name": "orders",
            "description": "Orders of the web shop, loaded by their changes.",
            "system_id": "shop",
            "load_type": "delta",
            "source": {
              "path": "/orders",
              "records_path": "/data",
              "pagination": {
                "type": "page", "size_param": "per_page", "page_size": 50,
                "total_pages_path": "/pages", "total_path": "/total"
              }
            },
            "key": ["id"],
            "delta": {"mode": "cursor", "cursor_column": "updated_at", "request_param": "updated_since"},
            "columns": [
              {"name": "id", "type": "int", "description": "Number of the order."},
              {"name": "customer_id", "type": "int", "nullable": false, "references": "customers.id", "description": "Who ordered."},
              {"name": "status", "type": "string", "length": 20, "nullable": false, "description": "paid, shipped, delivered or cancelled."},
              {"name": "total", "type": "numeric", "precision": 12, "scale": 2, "description": "Sum of all lines."},
              {"name": "currency", "type": "string", "length": 3, "description": "ISO 4217 code."},
              {"name": "lines", "type": "json", "description": "Products, quantities and prices."},
              {"name": "ordered_at", "type": "timestamptz", "description": "When it was ordered."},
              {"name": "updated_at", "type": "timestamptz", "nullable": false, "description": "Last change; the cursor."}
            ]
          },
          {
            "name": "order_lines",
            "description": "The lines of the orders: one row for each product of an order.",
            "system_id": "shop",
            "load_type": "delta",
            "bronze": {"pattern": "explode", "from": "orders", "path": "/lines", "parent_columns": ["id"]},
            "key": ["order_id", "product_id"],
            "columns": [
              {"name": "order_id", "type": "int", "path": "/_parent/id", "references": "orders.id", "description": "The order."},
              {"name": "product_id", "type": "int", "references": "products.id", "description": "What was ordered."},
              {"name": "quantity", "type": "int", "nullable": false, "description": "Pieces."},
              {"name": "price", "type": "numeric", "precision": 10, "scale": 2, "description": "Price of one piece."}
            ]
          }
        ]

        """
}
