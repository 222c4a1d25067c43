import Foundation

/// The command `openssl`: an independent judge of what libcrypto's wrapper makes.
public enum OpenSSLCommand {
    /// Runs it and waits; its exit status and standard output.
    public static func run(_ arguments: [String]) throws -> (status: Int32, output: [UInt8]) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, Array(bytes))
    }

    /// True where the signature of the message is that of the private key whose PEM this is. One of P-256 is r‖s.
    public static func verifies(_ signature: [UInt8], of message: [UInt8], by pem: String) throws -> Bool {
        let folder = try TemporaryFolder()
        try folder.write(Array(pem.utf8), to: "key")
        try folder.write(message, to: "message")
        try folder.write(signature.count == 64 ? derPair(signature) : signature, to: "signature")
        let made = try run(["pkey", "-in", folder.path(of: "key"), "-pubout", "-out", folder.path(of: "public")])
        let verified = try run([
            "dgst", "-sha256", "-verify", folder.path(of: "public"), "-signature", folder.path(of: "signature"),
            folder.path(of: "message"),
        ])
        return made.status == 0 && verified.status == 0
    }

    /// `SEQUENCE { INTEGER r, INTEGER s }`.
    private static func derPair(_ signature: [UInt8]) -> [UInt8] {
        let numbers = [signature.prefix(32), signature.suffix(32)].flatMap { half -> [UInt8] in
            var number = Array(half.drop { $0 == 0 })
            // A leading bit would make it negative.
            if number.first.map({ $0 >= 0x80 }) ?? true { number.insert(0, at: 0) }
            return [0x02, UInt8(number.count)] + number
        }
        return [0x30, UInt8(numbers.count)] + numbers
    }
}
