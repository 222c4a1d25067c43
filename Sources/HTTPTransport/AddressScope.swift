import Glibc

/// How far away an address is; a redirect may not lead from the outside to the inside.
enum AddressScope: Sendable, Hashable {
    /// 127.0.0.0/8, ::1, 0.0.0.0, ::
    case loopback
    /// 169.254.0.0/16 (clouds serve credentials there), fe80::/10
    case linkLocal
    /// RFC 1918, 100.64.0.0/10, fc00::/7, multicast, reserved
    case reserved
    /// Everything else.
    case global

    /// True when a server at this scope may send us to `target`.
    func mayRedirect(to target: AddressScope) -> Bool {
        switch target {
        case .global: true
        case .linkLocal: self == .linkLocal
        case .loopback, .reserved: self != .global
        }
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
        case (10, _), (172, 16...31), (192, 168), (100, 64...127), (224..., _): self = .reserved
        default: self = .global
        }
    }

    private init(ipv6 bytes: [UInt8]) {
        let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let translatedPrefix: [UInt8] = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
        if bytes.starts(with: mappedPrefix) || bytes.starts(with: translatedPrefix) {
            self.init(ipv4: Array(bytes[12...]))
        } else if bytes.dropLast().allSatisfy({ $0 == 0 }) && bytes[15] <= 1 {
            self = .loopback
        } else if bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 {
            self = .linkLocal
        } else if bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFF {
            self = .reserved
        } else {
            self = .global
        }
    }
}
