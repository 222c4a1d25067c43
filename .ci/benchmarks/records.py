#!/usr/bin/env python3
"""Writes made-up people, always the same ones, as JSON Lines and as CSV. Streams: memory does not depend on the count.

    records.py first  FOLDER COUNT          first.jsonl, first.csv: the ids 1 to COUNT
    records.py second FOLDER COUNT          second.*: 1 % changed, 0.5 % gone, 0.5 % new; needs first.*
    records.py order  FOLDER COUNT          order.jsonl: the lines of second.jsonl in another order
    records.py delta  FOLDER COUNT ROWS [K] delta.*: ROWS changes on top of second.* (or first.*), a third of them new;
                                            K = 1, 2, … gives other changes, of other ids
    records.py array  FOLDER BYTES          array.json: one JSON array of about BYTES bytes; prints its record count
    records.py pages  FOLDER PAGES SIZE     p1.json …: pages of SIZE records, and pages.jsonl with all of them
"""
import os
import random
import sys

FIRST = ["Ada", "Björn", "Chloé", "Dmitri", "Elena", "Farid", "Grace", "Hiroshi"]
LAST = ["Almeida", "O'Neil", "Dąbrowski", "Fischer", "García", "Ivanova", "Müller", "Okafor"]
CITY = ["Lisbon", "Berlin", "Kraków", "São Paulo", "Austin", "Osaka", "Nairobi", "Pune"]
ZONE = ["Z", "+02:00", "-05:00", "+05:30"]

# What metadata and SQL call the fields: name, attributes of the column in metadata, type of the plain table.
COLUMNS = [
    ("id", '"type": "bigint", "key": true', "bigint"), ("uid", '"type": "uuid"', "uuid"),
    ("name", '"type": "text"', "text"), ("email", '"type": "text"', "text"), ("city", '"type": "text"', "text"),
    ("street", '"type": "text"', "text"), ("quantity", '"type": "int"', "integer"),
    ("score", '"type": "double"', "double precision"),
    ("balance", '"type": "numeric", "precision": 12, "scale": 2', "numeric(12,2)"),
    ("active", '"type": "boolean"', "boolean"), ("born", '"type": "date"', "date"),
    ("updated_at", '"type": "timestamptz"', "timestamptz"), ("address", '"type": "json"', "jsonb"),
    ("tags", '"type": "json"', "jsonb"),
]
# Both notations take the same values; an e-mail that is NULL is swallowed by %.0s.
JSON = ('{"id":%d,"uid":"%08x-%04x-4%03x-a%03x-%012x","name":"%s %s","email":"%s","city":"%s",'
        '"street":"%d Long Winding Road","quantity":%d,"score":%d.%04d,"balance":%d.%02d,"active":%s,'
        '"born":"19%02d-%02d-%02d","updated_at":"2026-01-%02dT%02d:%02d:%02d%s",'
        '"address":{"zip":"%05d","country":"%s","floor":%d},"tags":["a%d","b%d","c"]}\n')
CSV = ('%d,%08x-%04x-4%03x-a%03x-%012x,%s %s,%s,%s,'
       '%d Long Winding Road,%d,%d.%04d,%d.%02d,%s,'
       '19%02d-%02d-%02d,2026-01-%02dT%02d:%02d:%02d%s,'
       '"{""zip"":""%05d"",""country"":""%s"",""floor"":%d}","[""a%d"",""b%d"",""c""]"\n')
JSON_NO_EMAIL = JSON.replace('"email":"%s"', '"email":null%.0s')
CSV_NO_EMAIL = CSV.replace(',%s %s,%s,', ',%s %s,%.0s,')
BATCH = 2000


def person(number, version):
    """The record and its CSV twin; `version` changes balance, quantity and updated_at."""
    a = (number * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    a ^= a >> 29
    b = ((a + version) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    b ^= b >> 31
    values = (
        number, a >> 32, a & 0xFFFF, a & 0xFFF, a >> 20 & 0xFFF, a >> 12 & 0xFFFFFFFFFFFF,
        FIRST[a & 7], LAST[a >> 3 & 7], f"person.{number}@mail{a >> 40 & 7}.example.org", CITY[a >> 6 & 7],
        a % 899 + 1, b % 1000, a % 997, a % 10000, (b >> 8) % 100000, version % 100,
        "true" if a >> 9 & 3 else "false", a % 90 + 10, a % 12 + 1, a % 28 + 1, a % 28 + 1, b % 24, b % 60, a % 60,
        ZONE[a >> 50 & 3], a % 99999, "DE", a % 30, a % 17, a % 13)
    if a % 50 == 0:
        return JSON_NO_EMAIL % values, CSV_NO_EMAIL % values
    return JSON % values, CSV % values


class Twins:
    """The two files of one day, written in batches."""

    def __init__(self, folder, name):
        self.files = [open(f"{folder}/{name}.{ending}", "w", encoding="utf-8") for ending in ("jsonl", "csv")]
        self.lines = [[], []]

    def add(self, twins):
        self.lines[0].append(twins[0])
        self.lines[1].append(twins[1])
        if len(self.lines[0]) == BATCH:
            self.flush()

    def flush(self):
        for file, lines in zip(self.files, self.lines):
            file.write("".join(lines))
            lines.clear()

    def close(self):
        self.flush()
        for file in self.files:
            file.close()


def first(folder, count):
    out = Twins(folder, "first")
    for number in range(1, count + 1):
        out.add(person(number, 0))
    out.close()


def second(folder, count):
    """Of every 100 ids one is changed, of every 200 one is gone."""
    out = Twins(folder, "second")
    with open(f"{folder}/first.jsonl", encoding="utf-8") as records, open(f"{folder}/first.csv", encoding="utf-8") as rows:
        for number, twins in enumerate(zip(records, rows), 1):
            if number % 200 == 57 and number <= count // 200 * 200:
                continue
            out.add(person(number, 1) if number % 100 == 13 and number <= count // 100 * 100 else twins)
    for number in range(count + 1, count + count // 200 + 1):
        out.add(person(number, 0))
    out.close()


def order(folder, count):
    """Deals the lines out to files that fit into memory, each of which is then shuffled."""
    dice = random.Random(7)
    hands = [open(f"{folder}/hand{index}", "w+", encoding="utf-8") for index in range(1 + count // 100000)]
    with open(f"{folder}/second.jsonl", encoding="utf-8") as records:
        for record in records:
            hands[int(dice.random() * len(hands))].write(record)
    with open(f"{folder}/order.jsonl", "w", encoding="utf-8") as out:
        for hand in hands:
            hand.seek(0)
            lines = hand.readlines()
            dice.shuffle(lines)
            out.writelines(lines)
            hand.close()
            os.remove(hand.name)


def delta(folder, count, rows, which=0):
    """Two thirds of the rows change ids that are there, spread over all of them; the rest is new."""
    new = rows // 3
    step = count // (rows - new)
    out = Twins(folder, "delta")
    for index in range(rows - new):
        out.add(person(27 + which + index * step, 2))
    begin = 2 * count + which * new + 1
    for number in range(begin, begin + new):
        out.add(person(number, 0))
    out.close()


def array(folder, size):
    written = number = 0
    with open(f"{folder}/array.json", "w", encoding="utf-8") as out:
        out.write("[")
        while written < size:
            lines = [person(number + index, 0)[0] for index in range(1, BATCH + 1)]
            text = ",".join(lines)
            out.write(text if number == 0 else "," + text)
            written += len(text.encode()) + 1
            number += BATCH
        out.write("]\n")
    print(number)


def pages(folder, count, size):
    with open(f"{folder}/pages.jsonl", "w", encoding="utf-8") as whole:
        for page in range(1, count + 1):
            lines = [person((page - 1) * size + index, 0)[0] for index in range(1, size + 1)]
            whole.write("".join(lines))
            with open(f"{folder}/p{page}.json", "w", encoding="utf-8") as out:
                out.write('{"data":[' + ",".join(line[:-1] for line in lines) + '],"pages":%d}' % count)


if __name__ == "__main__":
    work = {"first": first, "second": second, "order": order, "delta": delta, "array": array, "pages": pages}
    work[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
