"""land: landing an API's pages beside curl fetching them into files, then sha256sum over these and sync.

Ours is the raw step as the audit has it (scanned, hashed, written, synced, manifest) and, behind it, the whole run.
"""
import os
import shutil
import time

from harness import Project, bar, check, folder, measure, number, run, table, title
from part_loads import people
from web import NEEDS as WEB_NEEDS, Web

NEEDS = ["psql", "curl", "sha256sum", *WEB_NEEDS]
PAGE = 1000


def main(options):
    pages = options.records // PAGE
    title(f"land: {pages:,} pages of {PAGE:,} records, three rounds in turn")
    work = folder()
    try:
        with Web(work, pages, PAGE) as web, Project(*web.metadata(people()[1][0])) as project:
            run(project, "--layer", "raw")
            rounds = [one_round(web, project) for _ in range(3)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    best = [min(column) for column in zip(*rounds)]
    names = ["curl, sha256sum, sync", "raw step", "whole run"]
    table(["round", *names], [[str(index + 1), *map(number, times)] for index, times in enumerate(rounds)] + [["best", *map(number, best)]])
    for name, figure in zip(names[1:], best[1:]):
        bar(f"land, {name}", figure / best[0], 1 / 0.7, "× curl's time")


def one_round(web, project):
    out = f"{web.folder}/out"
    os.mkdir(out)
    os.sync()
    began = time.perf_counter()
    script = 'curl -s "$1/items?page=[1-$2]" -o "$3/#1.json" && sha256sum "$3"/*.json >"$3.sums" && sync'
    measure(["bash", "-c", script, "bash", web.url, str(web.pages), out], project)
    fetched = time.perf_counter() - began
    shutil.rmtree(out)
    os.sync()
    cost = run(project, "--layer", "raw", "--force")
    begin, end, *_ = project.layers()["raw"]
    landed = project.sql("SELECT nr_records_in FROM audit.entity_layer_run WHERE layer = 'raw' ORDER BY started_at DESC LIMIT 1")
    check("landed", landed, web.pages * web.size)
    return fetched, end - begin, cost.wall
