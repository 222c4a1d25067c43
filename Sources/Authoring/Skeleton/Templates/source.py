#!/usr/bin/env python3
"""NAME: a source for medallion, type process, protocol jsonl.

medallion calls this program with one word and reads a JSON object a line from its standard output:

  describe   which words it knows
  check      whether the source can be reached
  discover   which streams it has
  read       the records of one stream, and where to go on next time

In the working folder it finds config.json (the system's config, secrets filled in), project (a link to the
project's folder) and, for read, request.json (stream, load_type, from, until, options) and perhaps state.json (the
state that it left last time). Every answer ends with {"type": "done"} and exit code 0. What it writes to standard
error is shown when it fails.
"""
import json
import os
import sys

# The source. Put your own in its place: a file, a socket, a library.
SAMPLE = [
    {"id": 1, "place": "north pier", "level_cm": 212, "changed_at": "2026-01-01T06:00:00Z"},
    {"id": 2, "place": "south pier", "level_cm": 187, "changed_at": "2026-01-01T06:10:00Z"},
    {"id": 3, "place": "lighthouse", "level_cm": 240, "changed_at": "2026-01-01T06:20:00Z"},
]


def say(word, **members):
    print(json.dumps({"type": word, **members}), flush=True)


def fail(message, kind="connector", transient=False):
    """Gives up: nothing of this load is kept. kind is connector, auth, rate_limit, parse or timeout."""
    say("error", message=message, kind=kind, transient=transient)
    sys.exit(1)


def load(name, default):
    if not os.path.exists(name):
        return default
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def describe(config):
    say("describe", protocol=1, commands=["check", "discover", "read"])


def check(config):
    say("check", ok=True, message=f"{len(SAMPLE)} readings at hand")


def discover(config):
    say("stream", name="readings")


def read(config):
    request = load("request.json", {})
    if request["stream"] != "readings":
        fail(f"there is no stream '{request['stream']}'")
    # A full load brings everything; a delta load goes on behind what the last one saw.
    seen = load("state.json", {"changed_at": ""})["changed_at"] if request["load_type"] == "delta" else ""
    for record in sorted(SAMPLE, key=lambda record: record["changed_at"]):
        if record["changed_at"] > seen:
            say("record", stream="readings", record=record)
    newest = max((record["changed_at"] for record in SAMPLE), default=seen)
    say("state", value={"changed_at": max(newest, seen)})


if __name__ == "__main__":
    word = sys.argv[-1] if len(sys.argv) > 1 else ""
    answers = {"describe": describe, "check": check, "discover": discover, "read": read}
    if word not in answers:
        fail(f"unknown word '{word}'")
    answers[word](load("config.json", {}))
    say("done")
