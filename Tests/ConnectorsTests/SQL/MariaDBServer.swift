#if MySQL
    import Foundation
    import MariaDB
    import TestKit

    /// A MariaDB server of this process, in a temporary folder, without a network; gone with the process.
    actor MariaDBServer {
        static let shared = MariaDBServer()

        private var starting: Task<String, any Error>?
        private var lastDatabase = 0

        struct Failure: Error, CustomStringConvertible {
            let description: String
        }

        /// A new, empty database, and a session with it as root.
        func database() async throws -> (socket: String, name: String, session: MariaDBConnection) {
            let task = starting ?? Task { try await MariaDBServer.start() }
            starting = task
            let socket = try await task.value
            lastDatabase += 1
            let name = "test_\(lastDatabase)"
            let session = try await MariaDBServer.connect(socket)
            try await session.execute("CREATE DATABASE \(name) CHARACTER SET utf8mb4")
            try await session.execute("USE \(name)")
            return (socket, name, session)
        }

        static func connect(_ socket: String) async throws -> MariaDBConnection {
            try await MariaDBConnection.connect(
                MariaDBConfiguration(
                    host: nil, port: 0, socket: socket, database: "mysql", user: "root", password: nil,
                    protection: .none,
                    caFile: nil, connectSeconds: 5))
        }

        /// The shell ends the server and removes the folder when its input closes, however this process ends.
        private static let script = """
            exec 2>/dev/null
            mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$1/data" --auth-root-authentication-method=normal \
                --skip-test-db >/dev/null || exit 1
            /usr/sbin/mariadbd --no-defaults --user="$(id -un)" --datadir="$1/data" --socket="$1/socket" --skip-networking \
                --pid-file="$1/pid" --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 --log-error="$1/log" \
                --character-set-server=latin1 </dev/null >/dev/null &
            server=$!
            read -r line
            kill -KILL $server
            wait $server
            rm -rf "$1"
            """

        /// No descriptor but the three is kept: by one of them the runner learns that a program has ended, and as long as
        /// it waits for that, setsid(1) stays a zombie that keeps the runner's exit tests busy for ever.
        private static let closing = """
            for open in /proc/$$/fd/*; do
                descriptor=${open##*/}
                [ "$descriptor" -gt 2 ] && exec {descriptor}>&-
            done

            """

        private static func start() async throws -> String {
            let folder = "/tmp/medallion-mariadb-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
            shell.arguments = ["/bin/bash", "-c", closing + script, "server", folder]
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
            // The other end stays open until this process is gone.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            shell.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
            shell.standardOutput = FileHandle.nullDevice
            try shell.run()
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline {
                if FileManager.default.fileExists(atPath: folder + "/socket") {
                    do {
                        let session = try await connect(folder + "/socket")
                        await session.close()
                        return folder + "/socket"
                    } catch let error as MariaDBError where error.isTransient {}
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            throw Failure(description: "the server did not start; is mariadb-server installed? See \(folder)/log")
        }
    }

    /// A database of the test's own as a source.
    struct MySQLSource {
        let socket: String
        let name: String
        let session: MariaDBConnection

        init(_ statements: String...) async throws {
            (socket, name, session) = try await MariaDBServer.shared.database()
            for statement in statements { try await session.execute(statement) }
        }

        /// The JSON of a system's `connection`; `more` begins with a comma.
        func json(_ more: String = "", user: String = "root") -> String {
            #"{"host": "\#(socket)", "database": "\#(name)", "user": "\#(user)"\#(more)}"#
        }

        func scene(_ more: String = "", user: String = "root", secrets: [String: String] = [:]) -> SQLScene {
            SQLScene("mysql", json(more, user: user), secrets: secrets)
        }
    }
#endif
