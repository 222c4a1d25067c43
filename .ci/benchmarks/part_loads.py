"""loads: a source of N records through all layers on four days and one delta, each beside psql's \\copy of the rows."""
import json
import os

from harness import Failure, MEDALLION, Project, check, measure, median, number, records, run, table, title, total, used_between
from records import COLUMNS

NEEDS = ["psql"]
LAYERS = ("raw", "bronze", "silver")


def people(path="people.jsonl", system="bench"):
    """System and entity of made-up people; a delta of mode `all`, so that full and delta loads are at hand."""
    systems = [{"id": system, "name": "Bench", "description": "Made-up people", "type": "file", "connection": {"root": "data"}}]
    columns = [json.loads(f'{{"name": "{name}", {attributes}}}') for name, attributes, _ in COLUMNS]
    entity = {"name": "people", "description": "Made-up people", "system_id": system, "load_type": "delta",
              "delta": {"mode": "all"}, "source": {"path": path}, "columns": columns}
    return systems, [entity]


def copy_rows(project, csv):
    """The unit: the same rows, typed by psql from a file that is ready for it, into a table without index or history."""
    project.checkpoint()
    return measure(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", "TRUNCATE public.unit",
                    "-c", f"\\copy public.unit FROM '{csv}' WITH (FORMAT csv)"], project)


def make_unit(project):
    project.sql("CREATE TABLE public.unit (" + ", ".join(f"{name} {kind}" for name, _, kind in COLUMNS) + ")")


def counts(project, table_name="silver.bench_people"):
    found = project.sql(f"SELECT count(*) FILTER (WHERE _is_current), count(*) FILTER (WHERE NOT _is_current) FROM {table_name}")
    return found.replace("|", " current, ") + " closed"


def differing(project):
    """How many rows of the unit silver does not have as they are, value by value."""
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM u.{name}" for name, _, _ in COLUMNS)
    return project.sql(f"SELECT count(*) FROM public.unit u WHERE NOT EXISTS (SELECT FROM silver.bench_people s "
                       f"WHERE s._is_current AND s.id = u.id AND {same})")


def layer_rows(project, cost, rows):
    """A line of the table for each layer, one for what is none of them, one for the whole."""
    def line(name, wall, client, server, size):
        per = lambda seconds: number(None if seconds is None else seconds * 1e6 / rows)
        return [name, number(wall, 3), number(rows / wall if wall > 0 else None, 0), per(client), per(server),
                number(size / 1e6 if size else None, 1), number(size / 1e6 / wall if size and wall > 0 else None, 1)]

    lines, rest = [], [cost.wall, cost.client, cost.server]
    known = cost.server is not None
    source = 0
    for layer in LAYERS:
        found = project.layers().get(layer)
        if not found:
            continue
        begin, end, size, skipped = found
        client, server = used_between(cost, begin, end)
        source = source or size
        lines.append(line(layer + (" (skipped)" if skipped else ""), end - begin, client, server if known else None, size))
        rest = [rest[0] - (end - begin), rest[1] - client, rest[2] - server if known else None]
    lines.append(line("start, audit, end", *(None if part is None else max(0.0, part) for part in rest), 0))
    return [*lines, line("whole run", cost.wall, cost.client, cost.server, source)], line


def load(project, name, files, rows, mode, expected):
    """One load: the unit, the run, its table, the proof that it is right."""
    title(name)
    unit = copy_rows(project, files["csv"])
    if project.sql("SELECT count(*) FROM public.unit") != str(rows):
        raise Failure("psql copied another number of rows than were generated")
    if files.get("jsonl"):
        os.replace(files["jsonl"], f"{project.path}/data/people.jsonl")
    project.checkpoint()
    cost = run(project, "--load", mode, samples=True)
    lines, line = layer_rows(project, cost, rows)
    table(["layer", "wall s", "rows/s", "client µs/row", "server µs/row", "MB", "MB/s"],
          [*lines, line("psql \\copy, 1.0×", unit.wall, unit.client, unit.server, os.path.getsize(files["csv"]))])
    print(f"   {cost.wall / unit.wall:.2f}× the time of psql \\copy, {total(cost) / total(unit):.2f}× its CPU; "
          f"peak memory of the client {cost.peak / 1e6:.1f} MB")
    check("silver", counts(project), f"{expected[0]} current, {expected[1]} closed")
    check("rows whose values differ from what psql copied", differing(project), 0)
    project.vacuum()
    return cost, cost.wall / unit.wall


def one_round(size):
    hundredth, half = size // 100, size // 200
    with Project(*people()) as project:
        work = f"{project.path}/generated"
        os.mkdir(work)
        for arguments in (("first",), ("second",), ("order",), ("delta",)):
            extra = [hundredth + half] if arguments[0] == "delta" else []
            records(arguments[0], work, size, *extra)
        make_unit(project)
        first, second, order, delta = (f"{work}/{name}" for name in ("first", "second", "order", "delta"))
        new = (hundredth + half) // 3
        changed = hundredth + half - new
        later = (size, hundredth + half)
        bytes_each = os.path.getsize(f"{first}.jsonl") // size
        print(f"   {size:,} records of {bytes_each} bytes; per row means per record of the source")
        return {name: load(project, f"{name}: {text}", files, rows, mode, expected) for name, text, files, rows, mode, expected in [
            ("day1", "initial load", {"jsonl": f"{first}.jsonl", "csv": f"{first}.csv"}, size, "full", (size, 0)),
            ("day2", "1 % changed, 0.5 % gone, 0.5 % new", {"jsonl": f"{second}.jsonl", "csv": f"{second}.csv"}, size, "full", later),
            ("day3", "the same file again", {"csv": f"{second}.csv"}, size, "full", later),
            ("day3s", "the same records in another order", {"jsonl": f"{order}.jsonl", "csv": f"{second}.csv"}, size, "full", later),
            ("delta", "1.5 % as changes", {"jsonl": f"{delta}.jsonl", "csv": f"{delta}.csv"}, changed + new, "delta",
             (size + new, hundredth + half + changed)),
        ]}


def main(options):
    rounds = []
    for index in range(options.rounds):
        if options.rounds > 1:
            title(f"round {index + 1} of {options.rounds}")
        rounds.append(one_round(options.records))
    if options.rounds > 1:
        title("loads: best and median of all rounds")
        heads = ["load", "best s", "median s", "best ×", "median ×"]
        table(heads, [[name, *(number(pick([found[name][0].wall for found in rounds]), 3) for pick in (min, median)),
                       *(number(pick([found[name][1] for found in rounds])) for pick in (min, median))] for name in rounds[0]])
