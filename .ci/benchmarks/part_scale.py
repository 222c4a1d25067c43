"""scale: N and ten times N records: what a record costs, what the same delta costs beside each, the client's memory."""
import os

from harness import Project, bar, check, number, records, run, table, title, total
from part_loads import counts, people

NEEDS = ["psql"]
MEMORY = 64  # MB


DELTAS = 3


def one(size, rows):
    """The cost of the initial load, and of the best of a few deltas, each of other rows."""
    new = rows // 3
    with Project(*people()) as project:
        work = f"{project.path}/generated"
        os.mkdir(work)

        def load(name, mode, expected, *arguments):
            records(name, work, size, *arguments)
            os.remove(f"{work}/{name}.csv")
            os.replace(f"{work}/{name}.jsonl", f"{project.path}/data/people.jsonl")
            project.checkpoint()
            cost = run(project, "--load", mode)
            check(f"silver after {name}", counts(project), expected)
            project.vacuum()
            return cost

        initial = load("first", "full", f"{size} current, 0 closed")
        deltas = [load("delta", "delta", f"{size + (which + 1) * new} current, {(which + 1) * (rows - new)} closed", rows, which)
                  for which in range(DELTAS)]
        return [initial, min(deltas, key=lambda cost: cost.wall)]


def main(options):
    size, rows = options.records, options.records // 1000 * 15
    title(f"scale: {size:,} and {10 * size:,} records, the best of {DELTAS} deltas of {rows:,} beside each")
    small, large = one(size, rows), one(10 * size, rows)
    lines = []
    for name, cost, count in (("initial load", small[0], size), ("initial load", large[0], 10 * size),
                              ("delta", small[1], rows), ("delta", large[1], rows)):
        lines.append([name, f"{size if cost in small else 10 * size:,}", number(cost.wall, 3), number(count / cost.wall, 0),
                      number(cost.client * 1e6 / count), number(None if cost.server is None else cost.server * 1e6 / count),
                      number(cost.peak / 1e6, 1)])
    table(["load", "into", "wall s", "rows/s", "client µs/row", "server µs/row", "peak MB"], lines)
    bar("scale, CPU of a record", total(large[0]) / 10 / total(small[0]), 1.25, "×")
    bar("scale, time of a record", large[0].wall / 10 / small[0].wall, 1.4, "×")
    bar("scale, CPU of the delta", total(large[1]) / total(small[1]), 1.25, "×")
    bar("scale, time of the delta", large[1].wall / small[1].wall, 1.4, "×")
    peaks = [max(cost.peak for cost in costs) / 1e6 for costs in (small, large)]
    for count, peak in zip((size, 10 * size), peaks):
        bar(f"scale, memory at {count:,} records", peak, MEMORY, "MB", digits=1)
    bar("scale, memory beside that of fewer records", peaks[1] / peaks[0], 1.15, "×")
