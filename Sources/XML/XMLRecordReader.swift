import CXML

/// A record's element as a JSON object.
public struct XMLRecord: Sendable, Hashable {
    /// The line on which the element begins, from 1.
    public let line: Int
    /// The JSON object.
    public let json: [UInt8]
}

/// Reads the record elements of an XML text as it streams in, split anywhere; one record is in memory at a time.
///
/// An element becomes an object: attributes as `@name`, children by their names as written, repeated ones as an array,
/// text as `#text` where attributes or children stand beside it. An element of text alone becomes a string, an empty one
/// null. A declaration of document type is refused, and with it every entity but the five of XML itself; nothing is ever
/// fetched. Elements may be 256 deep. Manual: <https://gnome.pages.gitlab.gnome.org/libxml2/html/parser_8h.html>.
@safe public struct XMLRecordReader: ~Copyable {
    private let parser: xmlParserCtxtPtr
    private let elements: XMLElements

    /// A reader of the elements at `path`, names as written from the root on; `lists` names elements that are arrays even
    /// where there is one.
    public init(path: [String], lists: [String] = []) {
        elements = XMLElements(path: path, lists: lists)
        var handler = unsafe xmlSAXHandler()
        unsafe handler.initialized = UInt32(XML_SAX2_MAGIC)
        unsafe handler.internalSubset = { context, _, _, _ in
            unsafe elementsBehind(context)?.refuse("it declares a document type (DOCTYPE), which is refused")
        }
        unsafe handler.startElementNs = { context, name, prefix, _, _, _, count, _, attributes in
            unsafe elementsBehind(context)?.begin(name, prefix, attributes, Int(count))
        }
        unsafe handler.endElementNs = { context, _, _, _ in unsafe elementsBehind(context)?.end() }
        unsafe handler.characters = { context, text, length in
            unsafe elementsBehind(context)?.add(UnsafeBufferPointer(start: text, count: Int(length)))
        }
        unsafe handler.cdataBlock = handler.characters
        unsafe handler.serror = { context, error in
            guard let error = unsafe error, let elements = unsafe elementsBehind(context) else { return }
            unsafe elements.takeError(error.pointee)
        }
        let context = unsafe Unmanaged.passUnretained(elements).toOpaque()
        guard let made = unsafe xmlCreatePushParserCtxt(&handler, context, nil, 0, nil) else {
            preconditionFailure("libxml2 has no memory for a parser")
        }
        unsafe parser = made
        // NOENT: without it, &amp; in an attribute comes as &#38;. There are no other entities, for want of a DOCTYPE.
        unsafe _ = xmlCtxtUseOptions(parser, Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOENT.rawValue))
        unsafe elements.parser = made
    }

    deinit { unsafe xmlFreeParserCtxt(parser) }

    /// Goes on with the next bytes and gives the records that they complete.
    /// - Throws: `XMLError` at the first fault; nothing may be read on then.
    public mutating func feed(_ chunk: Span<UInt8>) throws(XMLError) -> [XMLRecord] {
        var start = 0
        while start < chunk.count {
            // The parser goes through what it holds again and again: pieces keep that short.
            let end = min(start + 32 << 10, chunk.count)
            try parse(chunk.extracting(start..<end), isLast: false)
            start = end
        }
        return elements.takeRecords()
    }

    /// Says that no more bytes will come.
    /// - Throws: `XMLError` for a text that is cut, and for one that has no element where the records should be.
    public mutating func finish() throws(XMLError) -> [XMLRecord] {
        let nothing: [UInt8] = []
        try parse(nothing.span, isLast: true)
        try elements.checkParent()
        return elements.takeRecords()
    }

    private func parse(_ piece: Span<UInt8>, isLast: Bool) throws(XMLError) {
        let code = unsafe piece.withUnsafeBytes { bytes in
            unsafe xmlParseChunk(
                parser, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count), isLast ? 1 : 0)
        }
        if let error = elements.error { throw error }
        guard code != 0 else { return }
        // Without an error of its own, libxml2 gave up on the text; namespaces that nobody declared are no fault here.
        if unsafe parser.pointee.wellFormed == 0 { throw XMLError(line: elements.line, "it is no well-formed XML") }
    }
}

/// The elements behind a callback's context pointer.
private func elementsBehind(_ context: UnsafeMutableRawPointer?) -> XMLElements? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<XMLElements>.fromOpaque(context).takeUnretainedValue()
}
