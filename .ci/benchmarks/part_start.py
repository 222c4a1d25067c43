"""start: a run with nothing to do beside a running server: ten records, loaded before, in a file that did not change."""
from harness import Project, bar, check, median, records, run, title
from part_loads import counts, people

NEEDS = ["psql"]


def main(options):
    title("start: a run with nothing to do, 10 records, ten times")
    with Project(*people("first.jsonl")) as project:
        records("first", f"{project.path}/data", 10)
        for _ in range(3):
            run(project, "--load", "full")
        times = [run(project, "--load", "full").wall * 1000 for _ in range(10)]
        check("silver", counts(project), "10 current, 0 closed")
    print(f"   best {min(times):.0f} ms, median {median(times):.0f} ms")
    bar("start, median", median(times), 150, "ms", digits=0)
