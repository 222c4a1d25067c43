"""What every part needs: a project with a server of its own, one measured command, bars and tables."""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MEDALLION = os.environ.get("MEDALLION_BIN") or f"{ROOT}/.build/release/medallion"
SERVER = os.environ.get("MEDALLION_DATABASE_URL")
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """A figure cannot be had, or what was loaded is wrong."""


# --- projects ---------------------------------------------------------------------------------------------------------

def folder():
    """A new temporary folder that the server's user may pass, as the private cluster of root runs as somebody else."""
    path = tempfile.mkdtemp(prefix="medallion-bench-")
    os.chmod(path, 0o755)
    return path


def records(*arguments):
    """Runs records.py, so that its memory is not ours: a child's peak is never below that of who starts it."""
    done = subprocess.run([sys.executable, f"{HERE}/records.py", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"records.py {arguments[0]} failed")
    return done.stdout.strip()


class Project:
    """A project folder with a database of its own: a private cluster, or a database on the server that is given.

    Everything is gone when the `with` ends, however it ends.
    """

    def __init__(self, systems, entities):
        self.systems, self.entities = systems, entities
        self.path = self.database = self.postmaster = None

    def __enter__(self):
        self.path = folder()
        try:
            os.mkdir(f"{self.path}/data")
            os.mkdir(f"{self.path}/metadata")
            for name, what in (("systems", self.systems), ("entities", self.entities)):
                with open(f"{self.path}/metadata/{name}.json", "w", encoding="utf-8") as file:
                    json.dump(what, file)
            # Settings of the caller's own project have no place here; a password for the given server may.
            foreign = ("MEDALLION_",) if SERVER else ("MEDALLION_", "PG")
            self.environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
            self.environment["MEDALLION_PROJECT"] = self.path
            if SERVER:
                self.use_server()
            else:
                self.medallion("db", "start")
                self.environment.update(libpq(self.medallion("db", "url").strip()))
            self.postmaster = self.find_postmaster()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave a server behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if self.database:
                self.sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)', database=self.home)
            elif not SERVER and os.path.isdir(f"{self.path}/.medallion"):
                places = self.medallion("db", "status").splitlines()
                self.medallion("db", "stop")
                for data in (line.split(None, 1)[1] for line in places if line.startswith("data ")):
                    # Data may lie in /var/lib/medallion/<hash>/postgres where the server's user cannot reach us.
                    if not data.startswith(self.path) and os.path.dirname(data).startswith("/var/lib/medallion/"):
                        shutil.rmtree(os.path.dirname(data))
        except Failure as failure:
            print(f"bench: {failure}", file=sys.stderr)
        finally:
            shutil.rmtree(self.path, ignore_errors=True)
            signal.signal(signal.SIGINT, before)

    def use_server(self):
        self.environment.update(libpq(SERVER))
        self.home = self.environment.get("PGDATABASE", "postgres")
        name = os.path.basename(self.path).replace("-", "_")
        self.sql(f'CREATE DATABASE "{name}"', database=self.home)
        self.database = name
        self.environment["PGDATABASE"] = name
        parts = urllib.parse.urlsplit(SERVER)
        # Not by urlunsplit, which leaves out the // where the host stands in the query.
        query = f"?{parts.query}" if parts.query else ""
        self.environment["MEDALLION_DATABASE_URL"] = f"{parts.scheme}://{parts.netloc}/{name}{query}"

    def find_postmaster(self):
        """The server's process, or None where it runs elsewhere: its CPU is then unknown."""
        session = subprocess.Popen(
            ["psql", "-XAtq"], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with session:
            session.stdin.write("SELECT pg_backend_pid();\n")
            session.stdin.flush()
            backend = session.stdout.readline().strip()
            try:
                with open(f"/proc/{backend}/cmdline", "rb") as file:
                    if b"postgres" not in file.read():
                        return None
                return int(stat(backend)[1])
            except OSError:
                return None

    def medallion(self, *arguments):
        return output([MEDALLION, *arguments], self.environment)

    def sql(self, text, database=None):
        environment = dict(self.environment, PGDATABASE=database) if database else self.environment
        return output(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages = error", "-c", text],
                      environment).strip()

    def checkpoint(self):
        self.sql("CHECKPOINT")

    def vacuum(self):
        self.sql("VACUUM ANALYZE")

    def layers(self):
        """Of the last run: layer → its begin and end (seconds), bytes in, skipped or not."""
        rows = self.sql("""SELECT layer, extract(epoch FROM min(started_at)), extract(epoch FROM max(finished_at)),
            sum(bytes_in), bool_and(status = 'skipped') FROM audit.entity_layer_run WHERE run_id =
            (SELECT run_id FROM audit.system_run ORDER BY started_at DESC LIMIT 1) GROUP BY layer""")
        fields = (row.split("|") for row in rows.splitlines())
        return {layer: (float(begin), float(end), int(size), skipped == "t") for layer, begin, end, size, skipped in fields}


def libpq(url):
    """The URL as variables for psql, so that no password stands in anybody's arguments."""
    parts = urllib.parse.urlsplit(url)
    if not parts.scheme.startswith("postgres"):
        raise Failure("MEDALLION_DATABASE_URL: the benchmarks take a URL only, postgresql://user@host:5432/database")
    found = {
        "PGHOST": parts.hostname, "PGPORT": str(parts.port or ""), "PGUSER": parts.username,
        "PGPASSWORD": parts.password, "PGDATABASE": parts.path.strip("/")}
    renamed = {"dbname": "PGDATABASE", "application_name": "PGAPPNAME"}
    found |= {renamed.get(key, f"PG{key.upper()}"): value for key, value in urllib.parse.parse_qsl(parts.query)}
    return {key: urllib.parse.unquote(value) for key, value in found.items() if value}


def output(command, environment):
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"{os.path.basename(command[0])} {' '.join(command[1:3])}: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


# --- measuring --------------------------------------------------------------------------------------------------------

# Seconds, seconds, seconds or None, bytes, samples of (time, client CPU, server CPU).
Cost = namedtuple("Cost", "wall client server peak samples")


def stat(pid):
    """The fields of /proc/<pid>/stat from the state on (https://man7.org/linux/man-pages/man5/proc.5.html)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu(pid, fields):
    return sum(int(field) for field in stat(pid)[fields]) / TICKS


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        found = []
        for other in filter(str.isdigit, os.listdir("/proc")):
            try:
                if stat(other)[1] == str(pid):
                    found.append(other)
            except OSError:
                pass
        return found


def server_cpu(postmaster):
    """User and system seconds of all processes of a cluster: those that run and those that the postmaster has reaped."""
    while postmaster:
        before = children(postmaster)
        try:
            total = sum(cpu(child, slice(11, 13)) for child in before) + cpu(postmaster, slice(11, 15))
        except OSError:
            continue  # one ended meanwhile
        if children(postmaster) == before:
            return total
    return None


class Sampler(threading.Thread):
    """Notes the CPU of client and server thirty times a second, so that it can be told which layer used it.

    A client that cannot have memory may wait for ever instead of ending; one that stands still is killed.
    """

    STILL = 60  # seconds

    def __init__(self, client, postmaster):
        super().__init__(daemon=True)
        self.client, self.postmaster = client, postmaster
        self.samples, self.ended, self.stood_still = [], threading.Event(), False

    def run(self):
        mark = None
        while not self.ended.wait(0.033):
            try:
                client = cpu(self.client, slice(11, 15))
            except OSError:
                return
            now, server = time.time(), server_cpu(self.postmaster)
            self.samples.append((now, client, server or 0.0))
            # An idle server uses some too, though less than one percent. Of one elsewhere nothing can be said.
            if server is None or mark and now - mark[0] < self.STILL:
                continue
            if mark and client + server - mark[1] < self.STILL / 100:
                self.stood_still = True
                os.kill(self.client, signal.SIGKILL)
                return
            mark = (now, client + server)


def measure(command, project, limit=None, samples=False):
    """Runs a command to its end: its wall time, CPU and peak memory, and what the server used meanwhile."""
    def bound():
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    with tempfile.TemporaryFile() as log:
        server, at, began = server_cpu(project.postmaster), time.time(), time.perf_counter()
        # Without preexec_fn the child is made by vfork, which is cheaper and the same at every size.
        process = subprocess.Popen(
            command, env=project.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=bound if limit else None)
        sampler = Sampler(process.pid, project.postmaster)
        if samples or limit:
            sampler.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            # Ours to end, or the server could not be stopped behind it.
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        finally:
            sampler.ended.set()
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if samples or limit:
            sampler.join()
        if sampler.stood_still:
            raise Failure(f"{os.path.basename(command[0])} did nothing for {Sampler.STILL} seconds and was killed"
                          + (": it did not get the memory that it asked for" if limit else ""))
        if process.returncode:
            log.seek(0)
            raise Failure(f"{os.path.basename(command[0])} {' '.join(command[1:3])} ended with {process.returncode}:\n"
                          + log.read().decode(errors="replace")[-2000:])
    client = usage.ru_utime + usage.ru_stime
    after = server_cpu(project.postmaster)
    used = None if server is None else after - server
    noted = [(at, 0.0, server or 0.0), *sampler.samples, (at + wall, client, after or 0.0)]
    return Cost(wall, client, used, usage.ru_maxrss * 1024, noted)


def run(project, *arguments, **options):
    return measure([MEDALLION, "run", *arguments], project, **options)


def used_between(cost, begin, end):
    """CPU of client and server between two moments, straight lines between the samples."""
    def at(moment, index):
        earlier = cost.samples[0]
        for later in cost.samples:
            if later[0] >= moment:
                span = later[0] - earlier[0]
                share = (moment - earlier[0]) / span if span > 0 else 0.0
                return earlier[index] + max(0.0, share) * (later[index] - earlier[index])
            earlier = later
        return earlier[index]

    return tuple(max(0.0, at(end, index) - at(begin, index)) for index in (1, 2))


# --- printing ---------------------------------------------------------------------------------------------------------

missed = []


def title(text):
    print(f"\n== {text}", flush=True)


def table(heads, rows):
    """The first column left, all others right."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        cells = [cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip(), flush=True)


def bar(what, figure, limit, unit, digits=2):
    """Prints a figure beside what is asked of it."""
    verdict = "met" if figure <= limit else "MISSED"
    if figure > limit:
        missed.append(what)
    print(f"   bar: {what}: {figure:.{digits}f} {unit}, asked: at most {limit:.4g} {unit}: {verdict}", flush=True)


def check(what, found, expected):
    """Prints what was found to be right; a difference ends the benchmark."""
    if str(found) != str(expected):
        raise Failure(f"{what}: {found}, expected {expected}: the load is wrong")
    print(f"   checked: {what}: {found}", flush=True)


def number(value, digits=2):
    return "–" if value is None else f"{value:,.{digits}f}"


def total(cost):
    """CPU of client and server; of the client alone where the server is elsewhere."""
    return cost.client + (cost.server or 0.0)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
