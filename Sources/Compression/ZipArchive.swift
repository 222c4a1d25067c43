import CZip

/// Reads the members of a zip file, checksums compared. Manual: <https://libzip.org/documentation/libzip.html>.
@safe public struct ZipArchive: ~Copyable {
    /// A file within the archive.
    public struct Member: Sendable, Hashable {
        /// Its name, with folders: `2026/orders.csv`.
        public let name: String
        /// Bytes when decompressed, as the archive says.
        public let bytes: Int
        fileprivate let index: UInt64
    }

    private let archive: OpaquePointer
    /// The files in byte order of their names; folders are left out.
    public let members: [Member]

    /// Opens the archive.
    /// - Throws: `CompressionError` where it is none, or where a name in it is absolute, leads outside, is a link or stands
    ///   there twice: such an archive was made to do harm, or by mistake.
    public init(_ path: String) throws {
        var code: Int32 = 0
        guard let opened = unsafe zip_open(path, ZIP_RDONLY, &code) else {
            var problem = unsafe zip_error_t()
            unsafe zip_error_init_with_code(&problem, code)
            defer { unsafe zip_error_fini(&problem) }
            throw CompressionError.corrupt(.zip, reason: unsafe String(cString: zip_error_strerror(&problem)))
        }
        do {
            members = try unsafe Self.members(of: opened)
        } catch {
            unsafe zip_discard(opened)
            throw error
        }
        unsafe archive = opened
    }

    deinit { unsafe zip_discard(archive) }

    private static func members(of archive: OpaquePointer) throws -> [Member] {
        var members: [Member] = []
        for index in 0..<UInt64(max(0, unsafe zip_get_num_entries(archive, 0))) {
            var status = unsafe zip_stat_t()
            guard unsafe zip_stat_index(archive, index, 0, &status) == 0, let text = unsafe status.name else {
                throw CompressionError.corrupt(.zip, reason: "entry \(index + 1) cannot be read")
            }
            let name = unsafe String(cString: text)
            var system: UInt8 = 0
            var attributes: UInt32 = 0
            unsafe _ = zip_file_get_external_attributes(archive, index, 0, &system, &attributes)
            // Unix keeps the mode in the upper half; S_IFLNK is 0o120000.
            let isLink = system == UInt8(ZIP_OPSYS_UNIX) && attributes >> 16 & 0o170000 == 0o120000
            let parts = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }
            guard !isLink, !parts.contains(".."), parts.first?.isEmpty == false, !parts[0].hasSuffix(":") else {
                throw CompressionError.corrupt(.zip, reason: "the name '\(printable(name))' leads out of it")
            }
            guard unsafe status.encryption_method == UInt16(ZIP_EM_NONE) else {
                throw CompressionError.library(
                    .zip, reason: "'\(printable(name))' is encrypted, which is not supported")
            }
            if !name.hasSuffix("/") { members.append(Member(name: name, bytes: unsafe Int(status.size), index: index)) }
        }
        members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (left, right) in zip(members, members.dropFirst()) where left.name.utf8.elementsEqual(right.name.utf8) {
            throw CompressionError.corrupt(.zip, reason: "the name '\(printable(left.name))' stands in it twice")
        }
        return members
    }

    /// Lends a member's content in pieces of at most 256 KB.
    /// - Throws: `CompressionError` for a damaged or cut member, or whatever `output` throws.
    public func read(_ member: Member, _ output: (Span<UInt8>) throws -> Void) throws {
        guard let file = unsafe zip_fopen_index(archive, member.index, 0) else {
            throw CompressionError.corrupt(.zip, reason: unsafe String(cString: zip_strerror(archive)))
        }
        defer { unsafe _ = zip_fclose(file) }
        var buffer = [UInt8](repeating: 0, count: lentBytes)
        let size = UInt64(buffer.count)
        while true {
            let count = unsafe zip_fread(file, &buffer, size)
            guard count >= 0 else {
                throw CompressionError.corrupt(.zip, reason: unsafe String(cString: zip_file_strerror(file)))
            }
            guard count > 0 else { return }
            try output(buffer.span.extracting(0..<Int(count)))
        }
    }
}

/// A foreign name as one line.
private func printable(_ name: String) -> String {
    String(
        String.UnicodeScalarView(name.unicodeScalars.prefix(200).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 })
    )
}
