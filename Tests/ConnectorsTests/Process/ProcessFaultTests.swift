import ConnectorKit
import Foundation
import Glibc
import Metadata
import TestKit
import Testing

@Suite("Programs that misbehave")
struct ProcessFaultTests {
    private static let canary = "canary-7f3a9c51e2"

    private func program(_ script: String, _ limits: String = "") throws -> ProcessScene {
        try ProcessScene(
            script,
            #"{"protocol": "singer", "catalog": "none", "config": {"key": {"secret": "k"}}\#(limits)}"#,
            secrets: ["k": Self.canary])
    }

    @Test("a program that hangs is ended, with its children")
    func hangs() async throws {
        let scene = try program(#"sleep 600 & echo $! > project/child; wait"#, #", "timeout_s": 2"#)
        #expect(
            await scene.failure() == "timeout transient: program 'bin/program': it did not end within 2.0 s; "
                + "raise connection.timeout_s")
        #expect(try await scene.isEnded())
    }

    @Test("one that takes no notice of SIGTERM is ended all the same")
    func stubborn() async throws {
        let scene = try program(
            #"trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > project/child; while :; do sleep 1; done"#,
            #", "timeout_s": 2"#)
        #expect(await scene.failure().contains("it did not end within 2.0 s"))
        #expect(try await scene.isEnded())
    }

    @Test("one that stops reading SIGTERM with a good end still failed")
    func politeEnd() async throws {
        let scene = try program(#"trap 'exit 0' TERM; while :; do sleep 0.05; done"#, #", "timeout_s": 0.3"#)
        #expect(await scene.failure().contains("it did not end within 0.3 s"))
    }

    @Test("children that outlive a program which ended well are ended too, and do not hold up the landing")
    func leftBehind() async throws {
        let scene = try program(
            #"""
            sleep 600 & echo $! > project/child
            echo '{"type":"RECORD","stream":"things","record":{"id":1}}'
            """#)
        let started = ContinuousClock.now
        #expect(try await scene.land().texts == ["{\"id\":1}\n"])
        #expect(ContinuousClock.now - started < .seconds(30))
        #expect(try await scene.isEnded())
    }

    @Test("a cancelled landing ends its program, with its children")
    func cancelled() async throws {
        let scene = try program(#"sleep 600 & echo $! > project/new; mv project/new project/child; wait"#)
        let landing = Task { try await scene.land() }
        while !FileManager.default.fileExists(atPath: scene.project.path(of: "child")) {
            try await Task.sleep(for: .milliseconds(10))
        }
        landing.cancel()
        await #expect(throws: CancellationError.self) { try await landing.value }
        #expect(try await scene.isEnded())
        #expect(try scene.temporary.names() == [])
    }

    @Test("a line without an end, and output without an end, have limits")
    func tooMuch() async throws {
        let line = try program("cat /dev/zero | tr '\\0' x", #", "max_line_mb": 1"#)
        #expect(
            await line.failure() == "parse: program 'bin/program': line 1 of its output is longer than 1 MB; "
                + "raise connection.max_line_mb")
        let output = try program(
            #"yes '{"type":"RECORD","stream":"things","record":{"id":1}}'"#, #", "max_output_mb": 2"#)
        #expect(
            await output.failure() == "connector: program 'bin/program': it wrote more than 2 MB; "
                + "raise connection.max_output_mb")
    }

    @Test("a program that wants more memory than it may have fails")
    func memory() async throws {
        let script = #"x=$(head -c 200000000 /dev/zero | tr '\0' x); echo "${#x}" > project/length"#
        let limited = try program(script, #", "memory_mb": 64"#)
        #expect(await limited.failure().contains("connector: program 'bin/program': it "))
        let scene = try program(#"ulimit -v > project/memory; ulimit -c > project/core"#, #", "memory_mb": 64"#)
        _ = await scene.failure()
        #expect(try scene.project.text(of: "memory") == "65536\n")
        #expect(try scene.project.text(of: "core") == "0\n")
    }

    @Test("neither arguments nor environment nor errors nor logs show a secret; the file does, to one user")
    func secrets() async throws {
        let scene = try program(
            """
            tr '\\0' ' ' < /proc/$$/cmdline > project/arguments; env | sort > project/environment
            stat -c '%a %n' . config.json > project/modes; grep -o '"key":.*' config.json > project/config
            ls /proc/self/fd > project/descriptors
            key=$(sed 's/.*:"//; s/".*//' config.json)
            echo "{\\"type\\":\\"$key\\"}"
            echo "could not log in with $key" >&2
            printf '%s' "$key" | base64 >&2
            exit 1
            """)
        let failure = await scene.failure()
        #expect(failure.contains("‹secret›"))
        #expect(try scene.project.text(of: "config") == "\"key\":\"\(Self.canary)\"}\n")
        #expect(try scene.project.text(of: "modes") == "700 .\n600 config.json\n")
        let told = [
            failure, scene.log.text, try scene.project.text(of: "arguments"), try scene.project.text(of: "environment"),
        ]
        let mask = SecretMask(values: [Secret(Self.canary)])
        for text in told { #expect(mask.mask(text) == text) }
        let names = try scene.project.text(of: "environment").split(separator: "\n").map { $0.prefix { $0 != "=" } }
        #expect(Set(names).subtracting(["PWD", "_", "SHLVL", "OLDPWD"]) == ["HOME", "LANG", "PATH"])
        // 3 is the folder that ls reads.
        let descriptors = try scene.project.text(of: "descriptors").split(separator: "\n")
        #expect(descriptors == ["0", "1", "2", "3"])
    }

    @Test("a secret of several lines is masked line by line")
    func severalLines() async throws {
        let key = "-----BEGIN KEY-----\nfirst-half-of-it\nsecond-half-of-it\n-----END KEY-----"
        let scene = try ProcessScene(
            #"printf 'first-half-of-it\nsecond-half-of-it' >&2; exit 1"#,
            #"{"protocol": "singer", "catalog": "none", "config": {"key": {"secret": "k"}}}"#, secrets: ["k": key])
        #expect(await scene.failure().hasSuffix("its last words: ‹secret› | ‹secret›"))
    }

    @Test("its environment has what env names")
    func environment() async throws {
        let scene = try program(
            #"echo "$MODE $HOME" > project/mode; pwd >> project/mode; exit 1"#, #", "env": {"MODE": "${PRIVATE} too"}"#)
        _ = await scene.failure()
        let lines = try scene.project.text(of: "mode").split(separator: "\n").map(String.init)
        #expect(lines == ["not for programs too \(lines[1])", lines[1]])
        #expect(lines[1].hasPrefix(scene.temporary.path))
    }

    @Test("the folder of a killed landing is removed by the next one, that of a living one is not")
    func leftovers() async throws {
        let scene = try program("mkdir -p a/b; touch a/b/c; chmod 500 a/b; chmod 0 a")
        for name in ["dead", "alive"] {
            try scene.temporary.write("", to: "medallion-process-\(name)/.lock")
            try scene.temporary.write("secret", to: "medallion-process-\(name)/config.json")
        }
        let lock = open(scene.temporary.path(of: "medallion-process-alive/.lock"), O_RDWR | O_CLOEXEC)
        defer { close(lock) }
        try #require(flock(lock, LOCK_EX | LOCK_NB) == 0)
        #expect(await scene.failure().contains("working folders stay: [\"medallion-process-alive\"]"))
        #expect(try scene.project.names() == ["bin"])
    }

    @Test("many programs at once do not wait for each other's pipes")
    func manyAtOnce() async throws {
        let scene = try program(
            #"""
            i=0; while [ $i -lt 200 ]; do echo '{"type":"RECORD","stream":"things","record":{"id":1}}'; i=$((i+1)); done
            """#)
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<12 {
                group.addTask { try await scene.land().texts.joined().split(separator: "\n").count }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 200, count: 12))
    }
}
