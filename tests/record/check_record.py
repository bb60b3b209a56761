#!/usr/bin/env python3
"""Reads records of a ledger, independently of the program that wrote them.

Usage: check_record.py [--hashes FILE] PATH...

A PATH is a folder of *.json files, each the leaf data of one record, or a file of one record a
line, in the order of their positions from 1. schemas/record.md is the specification; this reader
stands on it and on Python's standard library alone. It checks the canonical form, the limits, the
members of the envelope, and for a file of lines the order, the streams' versions and the lists'
digests. With --hashes, each record's leaf hash must be the one listed for its file's name.
"""

import hashlib
import json
import re
import sys
from base64 import b64decode, b64encode
from datetime import date, datetime
from pathlib import Path

INTEGER_MAX = 2**53 - 1
ENTRY_BYTES_MAX = 60_000
POSITION_DIGITS_MAX = 16
# How deep lists and objects stand in each other, the record itself counted.
DEPTH_MAX = 127
# The versions of schemas and the revisions of rule packs.
NUMBER_MAX = 2**32 - 1

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
# A date or an instant of a year that has not four digits, as programs write them.
SIGNED_DATE = re.compile(
    r"[+-][0-9]{4,}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z)?"
)
SHA256 = re.compile(r"[0-9a-f]{64}")
PASCAL = re.compile(r"([A-Z][a-z]*)+")
WORDS = re.compile(r"[a-z]+(-[a-z]+)*")
BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

# The member of a list's entries that the list's digest is over.
LISTED = {
    "areas": "area",
    "assessments": "assessment",
    "authorities": "authority",
    "authorities_consulted": "authority",
    "authorities_touched": "authority",
    "causes": "cause",
    "kinds": "kind",
    "relevant_authorities_to_consult": "authority",
}


class Wrong(Exception):
    """A record departs from the format."""


def need(holds, what):
    if not holds:
        raise Wrong(what)


# The JSON text.


def parse(text):
    def members(pairs):
        names = [name for name, _ in pairs]
        need(len(names) == len(set(names)), "a member stands twice")
        return dict(pairs)

    def not_an_integer(digits):
        raise Wrong(f"the number {digits} is not an integer")

    def integer(digits):
        number = int(digits)
        need(abs(number) <= INTEGER_MAX, f"the number {digits} is too large")
        need(digits != "-0", "the number -0 is not canonical")
        return number

    try:
        return json.loads(
            text,
            object_pairs_hook=members,
            parse_float=not_an_integer,
            parse_int=integer,
            parse_constant=not_an_integer,
        )
    except RecursionError as error:
        raise Wrong("it is nested too deep") from error
    except ValueError as error:
        raise Wrong(f"not JSON: {error}") from error


SHORT = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}


def canonical_string(text):
    need("\0" not in text, "a string holds U+0000")
    need(not any("\ud800" <= c <= "\udfff" for c in text), "a string holds half a surrogate pair")
    escaped = (SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text)
    return '"' + "".join(escaped) + '"'


def canonical(value):
    """The RFC 8785 text of a value within this format."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return canonical_string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    for name in value:
        need(name.isascii(), f"the member name {name!r} is not ASCII")
        need(not name.startswith("$"), f"the member name {name!r} begins with $")
    pairs = (canonical_string(name) + ":" + canonical(value[name]) for name in sorted(value))
    return "{" + ",".join(pairs) + "}"


# The members.


def matches(pattern, value, what):
    need(isinstance(value, str) and pattern.fullmatch(value), f"{what} is {value!r}")


def uuid(value, what, versions="123456789abcdef"):
    matches(UUID, value, what)
    need(UUID.fullmatch(value).group(1) in versions, f"{what} is a UUID of another version")


def entry_id(value, what):
    uuid(value, what, "7")


def stream_id(value, what):
    uuid(value, what, "78")


def optional(check):
    return lambda value, what: value is None or check(value, what)


def each(check):
    def check_all(value, what):
        need(isinstance(value, list), f"{what} is no list")
        for at, item in enumerate(value):
            check(item, f"{what}/{at}")

    return check_all


def one_of(*words):
    return lambda value, what: need(value in words and isinstance(value, str), f"{what} is {value!r}")


def boolean(value, what):
    need(isinstance(value, bool), f"{what} is neither true nor false")


def integer_from(least, most=INTEGER_MAX):
    def check(value, what):
        need(isinstance(value, int) and not isinstance(value, bool), f"{what} is no integer")
        need(least <= value <= most, f"{what} is not from {least} to {most}")

    return check


def version_one(value, what):
    integer_from(1)(value, what)
    need(value == 1, f"{what} is {value}, another format than this reader knows")


def civil_date(value, what):
    matches(DATE, value, what)
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise Wrong(f"{what}: {error}") from error


def instant(value, what):
    matches(INSTANT, value, what)
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError as error:
        raise Wrong(f"{what}: {error}") from error


def string(value, what):
    need(isinstance(value, str), f"{what} is no string")


def public_text(value, what):
    string(value, what)
    need(value.strip() and len(value) <= 4_000, f"{what} is empty or too long")
    control = any(c < " " or "\x7f" <= c <= "\x9f" for c in value if c not in "\n\t")
    need(not control, f"{what} holds a control character")


def word(pattern):
    return lambda value, what: matches(pattern, value, what)


def members(**checks):
    # A member called like a word of Python ends in an underscore here.
    checks = {name.rstrip("_"): check for name, check in checks.items()}

    def check_all(value, what):
        need(isinstance(value, dict), f"{what} is no object")
        need(set(value) == set(checks), f"{what} has the members {sorted(value)}")
        for name, check in checks.items():
            check(value[name], f"{what}/{name}")

    return check_all


def base64(value, what):
    string(value, what)
    matches(BASE64, value, what)
    # One text for each: no bits are left over.
    same = b64encode(b64decode(value)).decode() == value
    need(same, f"{what} has bits left over")


def is_sealed(value):
    return isinstance(value, dict) and "alg" in value


SEALED = members(
    alg=one_of("xchacha20-poly1305"), ciphertext=base64, key_id=entry_id, nonce=base64
)


def sealed(value, what):
    SEALED(value, what)
    need(len(value["nonce"]) == 32, f"{what} has a nonce of another length than 24 bytes")


def payload(value, what):
    need(isinstance(value, dict), f"{what} is no object")
    for name, member in value.items():
        if is_sealed(member):
            sealed(member, f"{what}/{name}")


RECORD = members(
    basis=one_of("decision", "past_fact", "administrative"),
    causation_id=optional(entry_id),
    correlation_id=uuid,
    corrects=optional(entry_id),
    entry_id=entry_id,
    event=members(schema_version=integer_from(1, NUMBER_MAX), type=word(PASCAL)),
    format=version_one,
    ledger_id=entry_id,
    occurred_on=members(assumed=boolean, date=civil_date),
    on_behalf_of=each(stream_id),
    partnerships=each(stream_id),
    past_fact=optional(
        members(mark=one_of("not_evidenced", "admitted", "found"), unmet=each(string))
    ),
    payload=payload,
    position=integer_from(1),
    principal=members(
        id=optional(stream_id),
        key_id=optional(entry_id),
        kind=one_of(
            "authority",
            "coordinator",
            "local_policing_body",
            "secretary_of_state",
            "welsh_ministers",
            "inspectorate",
            "auditor",
            "operator",
            "system",
        ),
    ),
    recorded_at=instant,
    reported=boolean,
    rests_on=each(members(id=stream_id, type=word(WORDS), version=integer_from(0))),
    rules=members(pack=string, revision=integer_from(1, NUMBER_MAX)),
    source=optional(
        members(
            date=civil_date,
            reference=public_text,
            sha256=optional(word(SHA256)),
            title=public_text,
        )
    ),
    stream=members(id=stream_id, type=word(WORDS)),
    version=integer_from(1),
    warnings=each(members(reason=sealed, rule=string)),
)


def texts(value, what, depth=1):
    """Checks every string, and how deep they stand."""
    if isinstance(value, str):
        need(not SIGNED_DATE.fullmatch(value), f"{what} is a date without a year of four digits")
    if isinstance(value, (list, dict)):
        need(depth <= DEPTH_MAX, "it is nested too deep")
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in inner:
            texts(member, f"{what}/{name}", depth + 1)


def check(leaf_data):
    """Checks the leaf data of one record and gives it back parsed, with its leaf hash."""
    try:
        text = leaf_data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Wrong(f"not UTF-8: {error}") from error
    record = parse(text)
    need(canonical(record) == text, "the text is not the canonical form of what it says")
    RECORD(record, "")
    texts(record, "")
    need(
        (record["past_fact"] is not None) == (record["basis"] == "past_fact"),
        "what a past fact leaves open is missing, or is there without one",
    )
    need(
        record["past_fact"] is None or record["source"] is not None,
        "a past fact has no source",
    )
    # The limit holds for the longest position there can be.
    room = POSITION_DIGITS_MAX - len(str(record["position"]))
    need(len(leaf_data) + room <= ENTRY_BYTES_MAX, f"it has {len(leaf_data)} bytes")
    return record, hashlib.sha256(b"\0" + leaf_data).hexdigest()


# A ledger as lines.


class Ledger:
    """What the records so far say about the next."""

    def __init__(self):
        self.ledger_id = None
        self.position = 0
        self.recorded_at = ""
        self.entries = set()
        self.streams = {}

    def add(self, record):
        self.position += 1
        need(record["position"] == self.position, f"position {record['position']} comes out of turn")
        if self.position == 1:
            need(record["event"]["type"] == "LedgerOpened", "the first entry does not open a ledger")
            need(record["payload"]["ledger_id"] == record["ledger_id"], "it opens another ledger")
            self.ledger_id = record["ledger_id"]
        need(record["ledger_id"] == self.ledger_id, "it is of another ledger")
        need(record["recorded_at"] >= self.recorded_at, "it was recorded before the one before it")
        self.recorded_at = record["recorded_at"]
        need(record["entry_id"] not in self.entries, "there is another entry of this id")
        self.entries.add(record["entry_id"])
        stream = (record["stream"]["type"], record["stream"]["id"])
        before = self.streams.setdefault(stream, [])
        need(record["version"] == len(before) + 1, f"version {record['version']} comes out of turn")
        if record["event"] == {"schema_version": 1, "type": "ListClosed"}:
            close(record["payload"], before)
        before.append(record["payload"])


def close(closing, before):
    member = LISTED.get(closing["list"])
    if member is None:
        return
    count = closing["count"]
    entries = before[len(before) - count :]
    ids = [entry.get(member) for entry in entries]
    need(len(ids) == count and all(isinstance(i, str) for i in ids), "the list is not whole")
    digest = hashlib.sha256(canonical(ids).encode()).hexdigest()
    need(digest == closing["digest"], "the list's digest is another")


def listed_hashes(path):
    lines = (line.split("  ", 1) for line in Path(path).read_text("utf-8").splitlines())
    return {name: digest for digest, name in lines}


def run(arguments):
    hashes = None
    if arguments[:1] == ["--hashes"] and len(arguments) > 1:
        hashes = listed_hashes(arguments[1])
        arguments = arguments[2:]
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    found, wrong = 0, 0

    def one(name, leaf_data, ledger):
        nonlocal found, wrong
        found += 1
        try:
            record, leaf_hash = check(leaf_data)
            if ledger is not None:
                ledger.add(record)
            if hashes is not None:
                need(hashes.get(name.name) == leaf_hash, f"the leaf hash is {leaf_hash}")
        except Wrong as error:
            wrong += 1
            print(f"{name}: {error}", file=sys.stderr)

    for path in map(Path, arguments):
        if path.is_dir():
            for file in sorted(path.glob("*.json")):
                one(file, file.read_bytes(), None)
        else:
            ledger = Ledger()
            for line in path.read_bytes().split(b"\n")[:-1]:
                one(path, line, ledger)
    print(f"{found} records, {wrong} of them wrong")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
