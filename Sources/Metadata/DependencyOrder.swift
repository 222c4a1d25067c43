/// Names in an order in which each comes behind those that it depends on.
struct DependencyOrder {
    /// Every name once, dependencies first, else in byte order; meaningless where there are cycles.
    private(set) var order: [String] = []
    /// Each cycle found, as the names along it.
    private(set) var cycles: [[String]] = []

    private let dependencies: [String: [String]]
    private var path: [String] = []
    private var done: Set<String> = []

    /// The order of the names of `dependencies`; names that it does not list itself are left out.
    init(_ dependencies: [String: [String]]) {
        self.dependencies = dependencies
        for name in Self.sorted(dependencies.keys) { visit(name) }
    }

    private mutating func visit(_ name: String) {
        guard !done.contains(name), let needed = dependencies[name] else { return }
        if let start = path.firstIndex(of: name) {
            cycles.append(Array(path[start...]))
            return
        }
        path.append(name)
        for other in Self.sorted(needed) { visit(other) }
        path.removeLast()
        done.insert(name)
        order.append(name)
    }

    private static func sorted(_ names: some Sequence<String>) -> [String] {
        names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
