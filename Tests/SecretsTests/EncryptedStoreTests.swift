import ConnectorKit
import Foundation
import Glibc
import Hashing
import JSON
import Primitives
import Secrets
import TestKit
import Testing

@Suite("The encrypted store")
struct EncryptedStoreTests {
    private let folder: TemporaryFolder
    private let key: String
    private let instant = Instant(microseconds: 1_767_139_200_000_000)

    init() throws {
        folder = try TemporaryFolder()
        key = folder.path(of: "keys/secrets.key")
        _ = try StoreKey(file: key).make()
    }

    private func store(_ environment: [String: String] = [:], keyFile: String? = nil) -> EncryptedStore {
        EncryptedStore(
            path: folder.path(of: "box/secrets.json"),
            key: StoreKey(environment: environment, keyFile: keyFile ?? key))
    }

    private func error(_ body: () throws -> some Any) -> String {
        do {
            _ = try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test("gives back what was set, and keeps names and instants readable only")
    func roundTrip() throws {
        try store().set("shop_token", to: Secret("canary-1 ä\n2"), at: instant)
        try store().set("other", to: Secret("canary-3"), at: instant)
        #expect(try store().value(of: "shop_token")?.reveal() == "canary-1 ä\n2")
        #expect(try store().value(of: "nobody") == nil)
        #expect(try store().entries.map(\.name) == ["other", "shop_token"])
        #expect(try store().entries.map(\.setAt) == [instant.description, instant.description])
        let text = try folder.text(of: "box/secrets.json")
        #expect(text.contains("shop_token") && !text.contains("canary"))
        #expect(SecretMask(values: [Secret("canary-3")]).mask(text).utf8.elementsEqual(text.utf8))
        var status = stat()
        #expect(stat(folder.path(of: "box/secrets.json"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(stat(key, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try store().remove(["other", "nobody"]) == ["nobody"])
        #expect(try store().entries.map(\.name) == ["shop_token"])
    }

    @Test("takes a new nonce with each write")
    func nonces() throws {
        func sealed() throws -> [String?] {
            let entry = try JSONReader.parse(folder.text(of: "box/secrets.json"))["secrets"]?.arrayValue?.first
            return [entry?["nonce"]?.stringValue, entry?["value"]?.stringValue]
        }
        try store().set("a", to: Secret("same-value"), at: instant)
        let first = try sealed()
        try store().set("a", to: Secret("same-value"), at: instant)
        let second = try sealed()
        #expect(first[0] != nil && first[0] != second[0] && first[1] != second[1])
    }

    @Test("refuses another key with one sentence that names both")
    func wrongKey() throws {
        try store().set("a", to: Secret("value-1"), at: instant)
        let other = folder.path(of: "other.key")
        let id = try StoreKey(file: other).make()
        let said = error { try store(keyFile: other).value(of: "a") }
        let own = try #require(try store().keyID)
        #expect(said.contains("wrong key") && said.contains(id) && said.contains(own), "\(said)")
        #expect(error { try store(keyFile: other).set("b", to: Secret("x"), at: instant) }.contains("wrong key"))
        #expect(try store().entries.map(\.name) == ["a"])
    }

    @Test("binds a value to its name and notices a changed byte")
    func swapped() throws {
        try store().set("a", to: Secret("value-a"), at: instant)
        try store().set("b", to: Secret("value-b"), at: instant)
        let text = try folder.text(of: "box/secrets.json")
        let swapped = text.replacing("\"a\"", with: "\"c\"").replacing("\"b\"", with: "\"a\"")
        try folder.write(swapped, to: "box/secrets.json")
        #expect(error { try store().value(of: "a") }.contains("changed by something else"))
        let value = try #require(
            JSONReader.parse(text)["secrets"]?.arrayValue?.first?["value"]?.stringValue)
        let flipped = (value.hasPrefix("A") ? "B" : "A") + value.dropFirst()
        try folder.write(text.replacing(value, with: flipped), to: "box/secrets.json")
        #expect(error { try store().value(of: "a") }.contains("changed by something else"))
        try folder.write("{\"version\": 1", to: "box/secrets.json")
        #expect(error { try store().value(of: "a") }.contains("damaged"))
    }

    @Test("takes its key from a variable first, as hex or base64")
    func variable() throws {
        let bytes = [UInt8](repeating: 7, count: 32)
        let hex = [StoreKey.variable: hexadecimal(bytes)]
        try store(hex).set("a", to: Secret("value-1"), at: instant)
        let base64 = [StoreKey.variable: Data(bytes).base64EncodedString() + "\n"]
        #expect(try store(base64).value(of: "a")?.reveal() == "value-1")
        #expect(error { try store().value(of: "a") }.contains("wrong key"))
        let short = error { try store([StoreKey.variable: "abcdef"]).value(of: "a") }
        #expect(short.contains("holds no key") && !short.contains("abcdef"), "\(short)")
    }

    @Test("refuses a key that others may read, and a missing one, and says what to do")
    func keyFile() throws {
        try store().set("a", to: Secret("value-1"), at: instant)
        #expect(chmod(key, 0o640) == 0)
        #expect(error { try store().value(of: "a") }.contains("chmod 600 \(key)"))
        #expect(
            error { try store(keyFile: "/nowhere/key").value(of: "a") }.contains("'medallion secrets key' makes one"))
        // A name that the store does not have needs no key.
        #expect(try store(keyFile: "/nowhere/key").value(of: "b") == nil)
        #expect(error { try StoreKey(file: key).make() }.contains("would be lost"))
    }

    @Test("is encrypted anew by a rotation: the old key opens nothing, the secrets are the same")
    func rotation() throws {
        try store().set("a", to: Secret("value-a"), at: instant)
        try store().set("b", to: Secret("value-b"), at: instant)
        let (old, before) = (try folder.text(of: "keys/secrets.key"), try store().keyID)
        let done = try store().rotate(to: nil)
        #expect(done.count == 2 && done.file == key)
        #expect(try store().keyID == done.keyID && done.keyID != before)
        #expect(try store().value(of: "a")?.reveal() == "value-a")
        #expect(try store().value(of: "b")?.reveal() == "value-b")
        #expect(error { try store([StoreKey.variable: old]).value(of: "a") }.contains("wrong key"))
        let elsewhere = folder.path(of: "keys/new.key")
        let current = try folder.text(of: "keys/secrets.key")
        #expect(error { try store([StoreKey.variable: current]).rotate(to: nil) }.contains("--key-file"))
        _ = try store([StoreKey.variable: current]).rotate(to: elsewhere)
        #expect(try store(keyFile: elsewhere).value(of: "b")?.reveal() == "value-b")
        #expect(error { try store(keyFile: elsewhere).rotate(to: elsewhere) }.contains("would be lost"))
    }

    @Test("survives a rotation that was killed before the new key took its place")
    func killedRotation() throws {
        try store().set("a", to: Secret("value-a"), at: instant)
        let old = try folder.text(of: "keys/secrets.key")
        _ = try store().rotate(to: nil)
        // As it was in between: the store has the new key already, the key's file the old one.
        let new = try folder.text(of: "keys/secrets.key")
        try folder.write(new, to: "keys/secrets.key.next")
        try folder.write(old, to: "keys/secrets.key")
        for name in ["keys/secrets.key.next", "keys/secrets.key"] { #expect(chmod(folder.path(of: name), 0o600) == 0) }
        #expect(try store().value(of: "a")?.reveal() == "value-a")
        try store().set("b", to: Secret("value-b"), at: instant)
        _ = try store().rotate(to: nil)
        #expect(try store().value(of: "a")?.reveal() == "value-a")
        #expect(try store().value(of: "b")?.reveal() == "value-b")
        #expect(!FileManager.default.fileExists(atPath: key + ".next"))
    }

    @Test("loses nothing to writers at the same time")
    func writers() async throws {
        let (store, instant) = (store(), instant)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...12 {
                group.addTask { try store.set("name\(number)", to: Secret("value-\(number)"), at: instant) }
            }
            try await group.waitForAll()
        }
        #expect(try store.entries.count == 12)
        for number in 1...12 { #expect(try store.value(of: "name\(number)")?.reveal() == "value-\(number)") }
    }

    @Test("does not write through a link, and leaves no half file")
    func link() throws {
        try store().set("a", to: Secret("value-1"), at: instant)
        try folder.write("precious", to: "precious")
        #expect(symlink(folder.path(of: "precious"), folder.path(of: "box/secrets.json.part")) == 0)
        try store().set("b", to: Secret("value-2"), at: instant)
        #expect(try folder.text(of: "precious") == "precious")
        #expect(try store().entries.count == 2)
    }
}
