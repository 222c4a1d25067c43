#!/usr/bin/env python3
"""calendar: iCalendar files (RFC 5545) as a source for medallion, type process, protocol jsonl.

medallion calls this program with one word and reads a JSON object a line from its standard output:

  describe   which words it knows
  check      whether the folder and its files can be read
  discover   the one stream, events, with its key
  read       every event of every *.ics file below the folder; in a delta load only of files that changed

config.json holds folder (default project/data) and timezone (of times without one, default UTC). The state is the
SHA-256 of each file. A series stays one event with its rule in recurrence; an occurrence that was moved is an event of its
own with the same uid and a recurrence_id. Every answer ends with {"type": "done"} and exit code 0.
"""
import datetime
import glob
import hashlib
import json
import os
import re
import sys
import zoneinfo

UTC = datetime.timezone.utc


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


# The files


def files(config):
    """Each file's name below the folder, with its bytes, in byte order of the names."""
    folder = config.get("folder", "project/data")
    if not os.path.isdir(folder):
        fail(f"there is no folder {folder}; set config.folder, which may begin with project/")
    found = []
    for path in glob.glob(os.path.join(folder, "**", "*.ics"), recursive=True):
        try:
            with open(path, "rb") as file:
                found.append((os.path.relpath(path, folder), file.read()))
        except OSError as error:
            fail(f"cannot read {path}: {error.strerror}")
    return sorted(found, key=lambda pair: pair[0].encode())


def lines(name, content):
    """Content lines: unfolded, as (number, name, parameters, value)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"{name}: byte {error.start} is not UTF-8", kind="parse")
    unfolded = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1][1] += line[1:]
        elif line:
            unfolded.append([number, line])
    for number, line in unfolded:
        match = re.match(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)', line)
        if not match:
            fail(f"{name}, line {number}: no content line", kind="parse")
        parameters = dict(re.findall(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)', match.group(2)))
        yield number, match.group(1).upper(), {k.upper(): v.strip('"') for k, v in parameters.items()}, match.group(3)


# The events


def text(value):
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "N": "\n"}.get(match.group(1), match.group(1)), value)


def moment(place, parameters, value, timezone):
    """A date or an instant in UTC, as ISO 8601."""
    try:
        if parameters.get("VALUE") == "DATE" or "T" not in value:
            return datetime.datetime.strptime(value, "%Y%m%d").date()
        local = datetime.datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S")
        zone = UTC if value.endswith("Z") else zoneinfo.ZoneInfo(parameters.get("TZID", timezone))
        return local.replace(tzinfo=zone).astimezone(UTC)
    except zoneinfo.ZoneInfoNotFoundError:
        fail(f"{place}: unknown time zone '{parameters.get('TZID', timezone)}'", kind="parse")
    except ValueError:
        fail(f"{place}: '{value}' is no date or time", kind="parse")


def length(place, value):
    match = re.fullmatch(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
    if not match:
        fail(f"{place}: '{value}' is no duration", kind="parse")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    span = datetime.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if match.group(1) == "-" else span


def shown(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if value else None


def events(name, content, timezone):
    stack, event = [], None
    for number, key, parameters, value in lines(name, content):
        place = f"{name}, line {number}"
        if key == "BEGIN":
            stack.append(value.upper())
            if value.upper() == "VEVENT":
                event = {"calendar": name, "recurrence_id": ""}
                start = end = None
        elif key == "END":
            if not stack or stack.pop() != value.upper():
                fail(f"{place}: END:{value} without its BEGIN", kind="parse")
            if value.upper() == "VEVENT":
                if "uid" not in event or start is None:
                    fail(f"{place}: an event without UID or DTSTART", kind="parse")
                if isinstance(end, datetime.timedelta):
                    end = start + end
                is_all_day = not isinstance(start, datetime.datetime)
                event["is_all_day"] = is_all_day
                event["starts_on" if is_all_day else "starts_at"] = shown(start)
                event["ends_on" if is_all_day else "ends_at"] = shown(end)
                event.setdefault("updated_at", event.pop("stamped_at", None))
                event.pop("stamped_at", None)
                yield event
        elif stack[-1:] != ["VEVENT"]:
            continue
        elif key in ("UID", "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS"):
            event[key.lower()] = text(value)
        elif key == "DTSTART":
            start = moment(place, parameters, value, timezone)
        elif key == "DTEND":
            end = moment(place, parameters, value, timezone)
        elif key == "DURATION":
            end = length(place, value)
        elif key == "RRULE":
            event["recurrence"] = value
        elif key == "RECURRENCE-ID":
            event["recurrence_id"] = shown(moment(place, parameters, value, timezone))
        elif key == "ORGANIZER":
            event["organizer"] = re.sub("^mailto:", "", value, flags=re.I)
        elif key == "SEQUENCE":
            event["sequence"] = int(value) if value.isdigit() else None
        elif key == "LAST-MODIFIED":
            event["updated_at"] = shown(moment(place, parameters, value, timezone))
        elif key == "DTSTAMP":
            event["stamped_at"] = shown(moment(place, parameters, value, timezone))
    if stack:
        fail(f"{name}: {stack[-1]} is never ended: the file was cut", kind="parse")


# The words


def describe(config):
    say("describe", protocol=1, commands=["check", "discover", "read"])


def check(config):
    count = len(files(config))
    say("check", ok=count > 0, message=f"{count} calendars in {config.get('folder', 'project/data')}")


def discover(config):
    say("stream", name="events", key=["uid", "recurrence_id"])


def read(config):
    request = load("request.json", {})
    if request["stream"] != "events":
        fail(f"there is no stream '{request['stream']}'")
    seen = load("state.json", {}) if request["load_type"] == "delta" else {}
    state = {}
    for name, content in files(config):
        state[name] = hashlib.sha256(content).hexdigest()
        if seen.get(name) != state[name]:
            for event in events(name, content, config.get("timezone", "UTC")):
                say("record", stream="events", record=event)
    say("state", value=state)


if __name__ == "__main__":
    word = sys.argv[-1] if len(sys.argv) > 1 else ""
    answers = {"describe": describe, "check": check, "discover": discover, "read": read}
    if word not in answers:
        fail(f"unknown word '{word}'")
    answers[word](load("config.json", {}))
    say("done")
