"""rest: pages of 1,000 records through the connector rest, beside the same records from one file, each a whole run."""
import contextlib
import shutil

from harness import Project, bar, check, folder, number, run, table, title, total
from part_loads import counts, people
from web import NEEDS as WEB_NEEDS, Web

NEEDS = ["psql", *WEB_NEEDS]
PAGE = 1000


def main(options):
    pages = options.records // PAGE
    title(f"rest: {pages:,} pages of {PAGE:,} records from nginx, and the same records from a file")
    work = folder()
    try:
        # Nothing is deleted in between: for minutes, ext4 looks through what was deleted whenever a file is made. And the
        # first load, which finds the memory that was at hand, does not count: the others are given new memory, each alike.
        with Web(work, pages, PAGE) as web, contextlib.ExitStack() as projects:
            load("file", web, projects)
            rounds = [one_round(web, index, projects) for index in range(options.rounds)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    best = {name: min((found[name] for found in rounds), key=lambda cost: cost.wall) for name in ("file", "web")}
    rows = pages * PAGE
    table(["best of each", "wall s", "rows/s", "client µs/row", "server µs/row", "peak MB"], [
        [name, number(cost.wall, 3), number(rows / cost.wall, 0), number(cost.client * 1e6 / rows),
         number(None if cost.server is None else cost.server * 1e6 / rows), number(cost.peak / 1e6, 1)]
        for name, cost in best.items()])
    print(f"   {total(best['web']) / total(best['file']):.2f}× the CPU")
    bar("rest, the whole run", best["web"].wall / best["file"].wall, 1.15, "× the file's")


def one_round(web, index, projects):
    """Each on a server of its own, whose log and files are as new to it as to the other; who begins changes."""
    return {system: load(system, web, projects) for system in sorted(("file", "web"), reverse=index % 2 == 1)}


def load(system, web, projects):
    systems, entities = people("pages.jsonl", system="file")
    systems[0]["connection"] = {"root": f"{web.folder}/www"}
    table = {"file": "silver.file_people", "web": "silver.web_items"}[system]
    metadata = (systems, entities) if system == "file" else web.metadata(entities[0])
    project = projects.enter_context(Project(*metadata))
    project.medallion("deploy")
    project.checkpoint()
    cost = run(project, "--system", system, "--load", "full")
    check(table, counts(project, table), f"{web.pages * web.size} current, 0 closed")
    # Its server has nothing left to do while the next one is measured.
    project.checkpoint()
    return cost
