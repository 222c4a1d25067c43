import Glibc

/// How far away an address is; a redirect may not lead from the outside to the inside.
enum AddressScope: Sendable, Hashable {
    /// 127.0.0.0/8, ::1, 0.0.0.0, ::
    case loopback
    /// 169.254.0.0/16 (clouds serve credentials there), fe80::/10
    case linkLocal
    /// RFC 1918, 100.64.0.0/10, fc00::/7, fec0::/10, multicast, what IANA has reserved
    case reserved
    /// Everything else.
    case global

    /// True when a server at this scope may send us to `target`: never further inside.
    func mayRedirect(to target: AddressScope) -> Bool {
        switch target {
        case .global: true
        case .linkLocal: self == .linkLocal
        case .loopback: self == .loopback
        case .reserved: self != .global
        }
    }

    /// True for an IPv4 or IPv6 address in its usual notation.
    static func isNumeric(_ text: String) -> Bool {
        var room = [UInt8](repeating: 0, count: 16)
        return unsafe inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1
    }

    /// The scope of the address in its usual notation; `reserved` if it is none.
    init(numeric text: String) {
        var four = [UInt8](repeating: 0, count: 4)
        var sixteen = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &four) == 1 {
            self.init(ipv4: four)
        } else if unsafe inet_pton(AF_INET6, text, &sixteen) == 1 {
            self.init(ipv6: sixteen)
        } else {
            self = .reserved
        }
    }

    /// The scope of a socket address of family AF_INET or AF_INET6; `reserved` for other families.
    init(bytesOf address: UnsafePointer<sockaddr>) {
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET:
            let raw = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr
            self.init(ipv4: unsafe withUnsafeBytes(of: raw) { unsafe Array($0) })
        case AF_INET6:
            let raw = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(ipv6: unsafe withUnsafeBytes(of: raw) { unsafe Array($0) })
        default: self = .reserved
        }
    }

    private init(ipv4 bytes: [UInt8]) {
        switch (bytes[0], bytes[1]) {
        case (127, _), (0, _): self = .loopback
        case (169, 254): self = .linkLocal
        case (10, _), (172, 16...31), (192, 168), (100, 64...127), (198, 18...19), (224..., _): self = .reserved
        // Protocol assignments and the documentation's networks.
        case (192, 0) where bytes[2] == 0 || bytes[2] == 2: self = .reserved
        case (198, 51) where bytes[2] == 100: self = .reserved
        case (203, 0) where bytes[2] == 113: self = .reserved
        default: self = .global
        }
    }

    private init(ipv6 bytes: [UInt8]) {
        let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let translatedPrefix: [UInt8] = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
        if bytes.starts(with: mappedPrefix) || bytes.starts(with: translatedPrefix) {
            self.init(ipv4: Array(bytes[12...]))
        } else if bytes[0] == 0x20 && bytes[1] == 0x02 {
            // 6to4: the address of its gateway.
            self.init(ipv4: Array(bytes[2..<6]))
        } else if bytes.starts(with: [0x20, 0x01, 0, 0]) || bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 1]) {
            // Teredo, and translation of a network's own: they lead wherever the network says.
            self = .reserved
        } else if bytes.dropLast().allSatisfy({ $0 == 0 }) && bytes[15] <= 1 {
            self = .loopback
        } else if bytes.prefix(12).allSatisfy({ $0 == 0 }) {
            // IPv4-compatible, long given up.
            self.init(ipv4: Array(bytes[12...]))
        } else if bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 {
            self = .linkLocal
        } else if bytes[0] == 0xFE && bytes[1] & 0xC0 == 0xC0 {
            self = .reserved
        } else if bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFF {
            self = .reserved
        } else {
            self = .global
        }
    }
}
