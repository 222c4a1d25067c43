import CXML

/// What libxml2's callbacks collect: where the text stands, and the record under way.
@safe final class XMLElements {
    /// Set once, before the first byte; owned by the reader.
    var parser: xmlParserCtxtPtr?
    /// The first fault.
    private(set) var error: XMLError?

    private let path: [String]
    private let lists: Set<String>
    private var records: [XMLRecord] = []
    /// Names from the root down to the present element, outside a record.
    private var names: [String] = []
    private var sawParent = false
    /// The record's element and those within it that are open.
    private var open: [XMLElement] = []
    private var recordLine = 0
    private var recordBytes = 0
    private static let largestRecord = 16 << 20
    private static let greatestDepth = 256

    init(path: [String], lists: [String]) {
        self.path = path
        self.lists = Set(lists)
        unsafe parser = nil
    }

    /// The present line, from 1.
    var line: Int {
        guard let parser = unsafe parser, let input = unsafe parser.pointee.input else { return 1 }
        return unsafe Int(input.pointee.line)
    }

    func takeRecords() -> [XMLRecord] {
        defer { records.removeAll(keepingCapacity: true) }
        return records
    }

    func refuse(_ reason: String) {
        if error == nil { error = XMLError(line: line, reason) }
        if let parser = unsafe parser { unsafe xmlStopParser(parser) }
    }

    func takeError(_ error: xmlError) {
        guard self.error == nil, unsafe error.level.rawValue >= XML_ERR_ERROR.rawValue else { return }
        // A prefix without a namespace is a name like any other.
        guard unsafe error.domain != Int32(XML_FROM_NAMESPACE.rawValue) else { return }
        let text = unsafe error.message.map { unsafe String(cString: $0) } ?? "it is no well-formed XML"
        self.error = XMLError(line: unsafe Int(error.line), text)
    }

    /// - Throws: `XMLError` where the element that holds the records never came: an empty list is one that is there.
    func checkParent() throws(XMLError) {
        guard !sawParent else { return }
        throw XMLError(
            line: line, "there is no element /\(path.dropLast().joined(separator: "/")), where records_path points")
    }

    // MARK: Callbacks

    func begin(
        _ local: UnsafePointer<xmlChar>?, _ prefix: UnsafePointer<xmlChar>?,
        _ attributes: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?, _ number: Int
    ) {
        guard error == nil else { return }
        let name = unsafe qualified(local, prefix)
        // libxml2 counts only where it builds a tree.
        guard names.count + open.count < Self.greatestDepth else {
            return refuse("elements are nested more than \(Self.greatestDepth) deep")
        }
        if open.isEmpty {
            names.append(name)
            if names.elementsEqual(path.dropLast()) { sawParent = true }
            guard names.elementsEqual(path) else { return }
            sawParent = true
            recordLine = line
            recordBytes = 0
        }
        var element = XMLElement(name: name)
        for index in 0..<number {
            // localname, prefix, URI, value, end (https://gnome.pages.gitlab.gnome.org/libxml2/html/parser_8h.html)
            guard let fields = unsafe attributes.map({ unsafe $0 + index * 5 }), let start = unsafe fields[3],
                let end = unsafe fields[4]
            else { continue }
            let value = unsafe Array(UnsafeBufferPointer(start: start, count: end - start))
            count(value.count)
            unsafe element.attributes.append((qualified(fields[0], fields[1]), value))
        }
        open.append(element)
    }

    func end() {
        guard error == nil else { return }
        guard let element = open.popLast() else {
            names.removeLast()
            return
        }
        guard open.isEmpty else {
            open[open.count - 1].add(element)
            return
        }
        names.removeLast()
        var json: [UInt8] = []
        element.appendObject(to: &json, lists)
        records.append(XMLRecord(line: recordLine, json: json))
    }

    func add(_ text: UnsafeBufferPointer<xmlChar>) {
        guard error == nil, !open.isEmpty else { return }
        count(text.count)
        unsafe open[open.count - 1].text.append(contentsOf: text)
    }

    private func count(_ bytes: Int) {
        recordBytes += bytes + 16
        if recordBytes > Self.largestRecord { refuse("the record is larger than \(Self.largestRecord >> 20) MiB") }
    }

    private func qualified(_ local: UnsafePointer<xmlChar>?, _ prefix: UnsafePointer<xmlChar>?) -> String {
        guard let local = unsafe local else { return "" }
        let name = unsafe String(decoding: UnsafeBufferPointer(start: local, count: length(local)), as: UTF8.self)
        guard let prefix = unsafe prefix else { return name }
        return unsafe String(decoding: UnsafeBufferPointer(start: prefix, count: length(prefix)), as: UTF8.self) + ":"
            + name
    }

    private func length(_ text: UnsafePointer<xmlChar>) -> Int { unsafe Int(xmlStrlen(text)) }
}
