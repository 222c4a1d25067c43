/// An element within a record, on its way to JSON.
struct XMLElement {
    let name: String
    var attributes: [(name: String, value: [UInt8])] = []
    var text: [UInt8] = []
    /// By name, in the order of their first appearance.
    private var children: [(name: String, elements: [XMLElement])] = []
    private var places: [String: Int] = [:]

    init(name: String) { self.name = name }

    mutating func add(_ child: XMLElement) {
        if let place = places[child.name] {
            children[place].elements.append(child)
        } else {
            places[child.name] = children.count
            children.append((child.name, [child]))
        }
    }

    /// A string, null or an object.
    func appendValue(to json: inout [UInt8], _ lists: Set<String>) {
        let isNil = attributes.contains {
            $0.name == "xsi:nil" && ($0.value == Array("true".utf8) || $0.value == [0x31])
        }
        if children.isEmpty, attributes.isEmpty || isNil {
            if text.isEmpty || isNil {
                json += "null".utf8
            } else {
                appendString(text, to: &json)
            }
        } else {
            appendObject(to: &json, lists)
        }
    }

    /// The element as an object, also where it holds text alone.
    func appendObject(to json: inout [UInt8], _ lists: Set<String>) {
        var isFirst = true
        func member(_ name: String, to json: inout [UInt8]) {
            json += (isFirst ? "{" : ",").utf8
            isFirst = false
            appendString(Array(name.utf8), to: &json)
            json.append(UInt8(ascii: ":"))
        }
        for (name, value) in attributes {
            member("@\(name)", to: &json)
            appendString(value, to: &json)
        }
        for (name, elements) in children {
            member(name, to: &json)
            guard elements.count > 1 || lists.contains(name) else {
                elements[0].appendValue(to: &json, lists)
                continue
            }
            json.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                element.appendValue(to: &json, lists)
            }
            json.append(UInt8(ascii: "]"))
        }
        // Blanks between elements only indent them.
        let isBlank = text.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        if !text.isEmpty, children.isEmpty || !isBlank {
            member("#text", to: &json)
            appendString(text, to: &json)
        }
        json += (isFirst ? "{}" : "}").utf8
    }

    private func appendString(_ bytes: [UInt8], to json: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        json.append(UInt8(ascii: "\""))
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: json += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}
