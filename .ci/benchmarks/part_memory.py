"""memory: one JSON array and many records through all layers, the client held below 256 MB."""
import os
import shutil
import subprocess
import uuid

from harness import Failure, MEDALLION, Project, bar, check, measure, number, records, run, table, title
from part_loads import counts, people

NEEDS = ["psql"]
LIMIT = 256 << 20


def scope():
    """A command that puts the client into a cgroup of its own, or nothing where systemd does not do that for us."""
    if not shutil.which("systemd-run"):
        return []
    command = ["systemd-run", "--quiet", "--scope", "--collect", f"--property=MemoryMax={LIMIT}", "--property=MemorySwapMax=0"]
    if os.geteuid() != 0:
        command.insert(1, "--user")
    # Believed only where the group has the limit: a manager without the memory controller ignores it.
    look = 'cat "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/memory.max"'
    tried = subprocess.run([*command, "sh", "-c", look], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return command if tried.returncode == 0 and tried.stdout.strip() == str(LIMIT) else []


def load(project, name, count, wrapper):
    """Where there is no cgroup the kernel bounds what the client may ever write to: heap, stacks, private mappings."""
    size = sum(os.path.getsize(f"{project.path}/data/{file}") for file in os.listdir(f"{project.path}/data"))
    project.checkpoint()
    arguments = [MEDALLION, "run", "--load", "full"]
    cost = measure([*wrapper, *arguments], project) if wrapper else measure(arguments, project, limit=LIMIT)
    table(["input", "MB", "records", "wall s", "rows/s", "client µs/row", "server µs/row", "peak MB"], [
        [name, number(size / 1e6, 1), f"{count:,}", number(cost.wall), number(count / cost.wall, 0),
         number(cost.client * 1e6 / count), number(None if cost.server is None else cost.server * 1e6 / count),
         number(cost.peak / 1e6, 1)]])
    check("silver", counts(project), f"{count} current, 0 closed")
    bar(f"memory, {name}", cost.peak / (1 << 20), LIMIT >> 20, "MiB", digits=1)
    if cost.peak > LIMIT:
        raise Failure(f"{name}: the client held {cost.peak >> 20} MiB in memory")


def main(options):
    wrapper = scope()
    how = "a cgroup made by systemd-run" if wrapper else "RLIMIT_DATA, as systemd-run gives no cgroup here, and the peak of its resident memory"
    title(f"memory: the client held to {LIMIT >> 20} MiB by {how}")
    with Project(*people("array.json")) as project:
        count = int(records("array", f"{project.path}/data", options.array_bytes))
        load(project, "one JSON array", count, wrapper)
    with Project(*people("first.jsonl")) as project:
        records("first", f"{project.path}/data", options.memory_records)
        os.remove(f"{project.path}/data/first.csv")
        load(project, "JSON Lines", options.memory_records, wrapper)
