import ArgumentParser
import ConnectorKit
import Foundation
import JSON
import Metadata
import Pipeline
import Primitives
import Secrets

/// `medallion secrets`.
struct SecretsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secrets",
        abstract: "Where secrets come from; keep some in the project's encrypted store.",
        discussion: """
            Metadata name a secret, {"secret": "shop_token"}; providers are asked for it in order: the environment, files,
            the encrypted store, or what metadata/secrets.json says. Values are never shown.

            Examples:
              medallion secrets key                     a key for the store, once
              medallion secrets set shop_token          asks for the value
              pass show shop | medallion secrets set shop_token
              medallion secrets list
            """,
        subcommands: [
            List.self, SecretsSetCommand.self, Remove.self, Rotate.self, Key.self, Test.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Names, who needs them, which provider answers, when they were set; no values.",
            discussion: "Example:\n  medallion secrets list --json")

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        mutating func run() async throws {
            let composition = Composition(options: options)
            let account = try await SecretsAccount(composition: composition).lines()
            if json {
                return JSONOutput.print(
                    account.map { line in
                        .object([
                            .text("name", line.name), .text("provider", line.provider), .text("problem", line.problem),
                            .text("set_at", line.setAt),
                            JSONMember("systems", .array(line.systems.map { .string($0) })),
                        ])
                    })
            }
            var table = TextTable("secret", "answered by", "set at", "needed by")
            for line in account {
                table.add(
                    line.name, line.provider ?? "nobody", String(line.setAt?.prefix(19) ?? ""),
                    line.systems.joined(separator: ", "))
            }
            print(table.rows.isEmpty ? "no secrets: none in the metadata, none in the store" : table.text)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove secrets from the encrypted store.",
            discussion: "Example:\n  medallion secrets rm shop_token")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The secrets' names.")
        var names: [String]

        func run() throws {
            let store = try Composition(options: options).secretsConfiguration().store
            let missing = try store.remove(names)
            for name in names where !missing.contains(name) { print("removed: \(name)") }
            if !missing.isEmpty {
                throw UsageError(
                    "not in \(store.path): \(missing.joined(separator: ", ")); see medallion secrets list")
            }
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate", abstract: "Encrypt the store with a new key.",
            discussion: """
                The new key takes the place of the old one in its file. A key that comes from MEDALLION_SECRETS_KEY needs
                --key-file, a new file for the new key.

                Examples:
                  medallion secrets rotate
                  medallion secrets rotate --key-file ~/keys/2027.key
                """)

        @OptionGroup var options: GlobalOptions

        @Option(help: ArgumentHelp("A new file for the new key.", valueName: "file"))
        var keyFile: String?

        func run() throws {
            let store = try Composition(options: options).secretsConfiguration().store
            let file = keyFile.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
            let done = try store.rotate(to: file)
            print("encrypted anew: \(done.count) secrets, with key \(done.keyID) in \(done.file)")
            if file != nil { print("from now on: \(StoreKey.fileVariable)=\(done.file)") }
        }
    }

    struct Key: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "key", abstract: "Make a key for the encrypted store; never replaces one.",
            discussion: """
                The key is written where it is looked for: the file that MEDALLION_SECRETS_KEY_FILE names, else key_file of
                metadata/secrets.json, else ~/.config/medallion/secrets.key. Keep a copy where the store's backup is not.

                Examples:
                  medallion secrets key
                  medallion secrets key --file ~/keys/shop.key
                """)

        @OptionGroup var options: GlobalOptions

        @Option(help: ArgumentHelp("Another file for the key.", valueName: "file"))
        var file: String?

        func run() throws {
            let path = file.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
            let key = try path.map { StoreKey(file: $0) } ?? Composition(options: options).secretsConfiguration().key
            let id = try key.make()
            print("made key \(id) in \(key.place)")
            if let path { print("tell medallion where it is: \(StoreKey.fileVariable)=\(path)") }
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test", abstract: "Which provider answers for a secret; does not show it.",
            discussion: "Example:\n  medallion secrets test shop_token")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The secret's name.")
        var name: String

        mutating func run() async throws {
            let (options, name) = (options, name)
            let answer = try await Interruption.guarding {
                try await Composition(options: options).secretChain().answer(for: name)
            }
            let count = answer.secret.reveal().utf8.count
            print("\(name): answered by \(answer.provider), \(count) bytes")
            if count < SecretMask.minimumLength {
                print("it is shorter than \(SecretMask.minimumLength) bytes: logs and audit cannot hide it")
            }
        }
    }
}
