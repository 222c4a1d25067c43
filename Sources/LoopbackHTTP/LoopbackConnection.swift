import Glibc

/// One connection of the loopback server: reads requests, writes answers. Its server owns the descriptor.
struct LoopbackConnection {
    let descriptor: Int32
    let server: LoopbackServer
    private var buffer: [UInt8] = []

    init(descriptor: Int32, server: LoopbackServer) {
        self.descriptor = descriptor
        self.server = server
        var one: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The next request; nil when the client is gone or does not speak HTTP.
    mutating func readRequest() -> LoopbackRequest? {
        var searched = 0
        while true {
            if let end = endOfHead(from: max(0, searched - 3)) {
                let head = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 4)
                return request(head)
            }
            searched = buffer.count
            guard searched < 1 << 20, receive() else { return nil }
        }
    }

    /// Writes an answer; false when the connection cannot serve another request.
    func send(_ response: LoopbackResponse, to request: LoopbackRequest, keepAlive: Bool) -> Bool {
        guard pause(milliseconds: response.delayMilliseconds) else { return false }
        switch response.delivery {
        case .proper:
            return write(response.bytes(keepAlive: keepAlive, withoutBody: request.method == "HEAD"))
        case .raw(let bytes, let ending):
            guard write(bytes) else { return false }
            end(ending)
            return false
        case .trickle(let interval):
            guard write(response.bytes(keepAlive: keepAlive, withoutBody: true)) else { return false }
            return response.body.allSatisfy { pause(milliseconds: interval) && write([$0]) }
        }
    }

    private mutating func request(_ head: String) -> LoopbackRequest? {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let first = lines[0].split(separator: " ")
        guard first.count == 3, first[2].hasPrefix("HTTP/1.") else { return nil }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (name: String(parts.first ?? ""), value: String((parts.dropFirst().first ?? "").drop { $0 == " " }))
        }
        let announced = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        guard (0...(64 << 20)).contains(announced) else { return nil }
        while buffer.count < announced { guard receive() else { return nil } }
        let body = Array(buffer.prefix(announced))
        buffer.removeFirst(announced)
        let target = first[1].split(separator: "?", maxSplits: 1)
        let query = (target.dropFirst().first ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map { percentDecoded(String($0)) }
            return (name: parts.first ?? "", value: parts.dropFirst().first ?? "")
        }
        return LoopbackRequest(
            method: String(first[0]), path: percentDecoded(String(target.first ?? "/")), query: query,
            headers: headers, body: body, target: String(first[1]))
    }

    private func endOfHead(from start: Int) -> Int? {
        let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard buffer.count >= 4 else { return nil }
        return (start...(buffer.count - 4)).first { buffer[$0..<($0 + 4)].elementsEqual(mark) }
    }

    private mutating func receive() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        let size = chunk.count
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, size, 0) }
        guard count > 0 else { return false }
        buffer += chunk.prefix(count)
        return true
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Waits; false when the server stops or the client leaves meanwhile.
    private func pause(milliseconds: Int) -> Bool {
        var left = milliseconds
        while left > 0 {
            let step = min(left, 20)
            usleep(UInt32(step) * 1000)
            left -= step
            guard !server.isStopped, clientIsThere else { return false }
        }
        return true
    }

    private var clientIsThere: Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) != 0
    }

    private func end(_ ending: LoopbackResponse.Ending) {
        switch ending {
        case .close: break
        case .reset:
            var option = linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        case .silence: while pause(milliseconds: 1000) {}
        }
    }
}

/// `%XX` and `+` undone.
private func percentDecoded(_ text: String) -> String {
    var decoded: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
        if byte == 0x25, let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16) {
            decoded.append(value)
            bytes = bytes.dropFirst(2)
        } else {
            decoded.append(byte == 0x2B ? 0x20 : byte)
        }
    }
    return String(decoding: decoded, as: UTF8.self)
}
