"""small: 200 entities of 100 records each in one run, then once more without a change."""
import os

from harness import Project, bar, check, number, records, run, table, title
from part_loads import people

NEEDS = ["psql"]
ENTITIES = 200


def main(options):
    title(f"small: {ENTITIES} entities of 100 records in one run")
    systems, [entity] = people()
    entities = [dict(entity, name=f"people{index}", load_type="full", source={"path": f"people{index}.jsonl"})
                for index in range(ENTITIES)]
    for one in entities:
        del one["delta"]
    with Project(systems, entities) as project:
        data = f"{project.path}/data"
        records("first", data, 100 * ENTITIES)
        with open(f"{data}/first.jsonl", encoding="utf-8") as source:
            for index in range(ENTITIES):
                with open(f"{data}/people{index}.jsonl", "w", encoding="utf-8") as file:
                    file.writelines(source.readline() for _ in range(100))
        os.remove(f"{data}/first.csv")
        costs = []
        for _ in range(2):
            project.checkpoint()
            costs.append(run(project))
            rows = sum(int(project.sql(f"SELECT count(*) FROM silver.bench_people{index} WHERE _is_current"))
                       for index in (0, 1, ENTITIES - 1))
            check("current rows of three of them", rows, 300)
            check("rows of the last run in the audit that did not succeed", project.sql(
                "SELECT count(*) FROM audit.entity_layer_run WHERE status NOT IN ('succeeded', 'skipped')"), 0)
            project.vacuum()
    table(["run", "wall s", "client s", "server s", "peak MB"],
          [[name, *map(number, (cost.wall, cost.client, cost.server, cost.peak / 1e6))] for name, cost in zip(("first", "second"), costs)])
    bar("small, first run", costs[0].wall, 15, "s")
    bar("small, second run", costs[1].wall, 4, "s")
