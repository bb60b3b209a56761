#!/usr/bin/env python3
"""Checks a bundle of a ledger, or a single proof, independently of the program that wrote it.

Usage: verify_bundle.py [--trusted-key KEY] [--earlier-key "KEY SIZE ROOT"]... [--checkpoint FILE]
                        [--consistency FILE]... BUNDLE
       verify_bundle.py inclusion PROOF (--entry FILE | --leaf-hash HASH) --trusted-key KEY
                        [--earlier-key "KEY SIZE ROOT"]... [--consistency FILE]...
       verify_bundle.py consistency PROOF --from FILE --trusted-key KEY
                        [--earlier-key "KEY SIZE ROOT"]... [--consistency FILE]...

Stands on schemas/bundle.md, schemas/proofs.md and schemas/record.md, on Python's standard library,
and on the package cryptography for Ed25519 alone. It lies in the repository, whose documents a bundle
has to hold. It checks the file, the manifest and its digests,
the canonical form and the order of the entries, hashes, proofs, signatures and keys, and that rule
packs are those the ledger adopted. It knows nothing of the duty: the figures, the report and which
schemas were released are left to dutyledger-verify. It ends with the exit codes of schemas/bundle.md.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import struct
import sys
import zlib
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import check_record

CODES = {
    "unconfirmed": 10,
    "container": 11,
    "too_large": 12,
    "digest": 13,
    "entry": 14,
    "order": 15,
    "root": 16,
    "inclusion": 17,
    "consistency": 18,
    "checkpoint": 19,
    "signature": 20,
    "old_key": 21,
    "forked": 22,
    "released": 23,
}

NAMES_MAX = 52_000
DIRECTORY_BYTES_MAX = 16 * 1024 * 1024
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
FILE_BYTES_MAX = 32 * 1024 * 1024
NOTE_BYTES_MAX = 128 * 1024
PROOF_BYTES_MAX = NOTE_BYTES_MAX + 16 * 1024
ENTRIES_MAX = 50_000
ENTRIES_BYTES_MAX = 128 * 1024 * 1024
STRATEGIES_BY_ENTRIES_MAX = 2_000_000
KINDS_MAX = 10_000
PARTNERSHIPS_MAX = 100_000
NAMES_BYTES_MAX = 16 * 1024 * 1024
STREAM_TYPE_BYTES_MAX = 64
EVENT_TYPE_BYTES_MAX = 128
STREAMS_MAX = 4_000_000
KEYS_MAX = 1_000
PROOF_HASHES_MAX = 63
EXTRA_CHARS_MAX = 8 * 1024
SIGNATURES_MAX = 64

END = struct.Struct("<4sIHHIIH")
LOCATOR = struct.Struct("<4sIQI")
LARGE_END = struct.Struct("<4sQIQQQQQ")
LISTED = struct.Struct("<4s2xHHH4xIIIHHHH2xII")
LOCAL = struct.Struct("<4sHHH4xIIIHH")
VERSION_MAX = 45
# How hard a file was compressed, and that its name is UTF-8.
FLAGS = 0b1000_0000_0110

PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
NAME = re.compile(rf"{PART}(/{PART})*")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")
# What every bundle says in the same words, and where those are kept.
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "HOW-TO-VERIFY.txt": ROOT / "crates/bundle/src/how-to-verify.txt",
    "schemas/bundle.md": ROOT / "schemas/bundle.md",
    "schemas/proofs.md": ROOT / "schemas/proofs.md",
    "schemas/record.md": ROOT / "schemas/record.md",
}
# The digest of every edition of them that was ever released, those of today with them.
EDITIONS = {
    tuple(line.split("  ", 1))
    for line in (ROOT / "schemas/editions.sha256").read_text("utf-8").splitlines()
}
FIXED = {"checkpoint", "entries.jsonl", "figures.json", "report.html", *DOCUMENTS}
OF_ENTRIES = ("schemas/events/", "rule-packs/")
INCLUSION = re.compile(r"proofs/inclusion/([1-9][0-9]{0,19})\.tlog-proof")
CONSISTENCY = re.compile(r"proofs/consistency/(0|[1-9][0-9]{0,19})\.txt")


class Failure(Exception):
    """Why a bundle is refused."""

    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


def need(holds, kind, detail):
    if not holds:
        raise Failure(kind, detail)


# The tree.


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """The roots of the perfect subtrees, largest first."""

    def __init__(self):
        self.size = 0
        self.roots = []

    def push(self, leaf):
        size, carried = self.size, leaf
        while size % 2 == 1:
            carried = node_hash(self.roots.pop(), carried)
            size //= 2
        self.roots.append(carried)
        self.size += 1

    def root(self):
        if not self.roots:
            return hashlib.sha256().digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


def split(size):
    """The largest power of two smaller than a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def root_by_path(index, size, leaf, proof):
    """The root a proof of PATH(index, D[size]) leads to, as RFC 6962 section 2.1.1 defines it."""
    if size == 1:
        need(not proof, "proof", "it has too many hashes")
        return leaf
    need(proof, "proof", "it has too few hashes")
    half = split(size)
    rest, sibling = proof[:-1], proof[-1]
    if index < half:
        return node_hash(root_by_path(index, half, leaf, rest), sibling)
    return node_hash(sibling, root_by_path(index - half, size - half, leaf, rest))


def included(index, size, leaf, proof, root):
    try:
        return 0 <= index < size and root_by_path(index, size, leaf, proof) == root
    except Failure:
        return False


def roots_by_subproof(old, size, proof, whole, old_root):
    """The old and the new root that SUBPROOF(old, D[size], whole) leads to (section 2.1.2)."""
    if old == size:
        if whole:
            need(not proof, "proof", "it has too many hashes")
            return old_root, old_root
        need(len(proof) == 1, "proof", "it has another number of hashes")
        return proof[0], proof[0]
    need(proof, "proof", "it has too few hashes")
    half = split(size)
    rest, sibling = proof[:-1], proof[-1]
    if old <= half:
        before, after = roots_by_subproof(old, half, rest, whole, old_root)
        return before, node_hash(after, sibling)
    before, after = roots_by_subproof(old - half, size - half, rest, False, old_root)
    return node_hash(sibling, before), node_hash(sibling, after)


def goes_on(old, old_root, size, root, proof):
    if old > size:
        return False
    if old == 0:
        return not proof and old_root == Tree().root()
    try:
        return roots_by_subproof(old, size, proof, True, old_root) == (old_root, root)
    except Failure:
        return False


# Text forms.


def from_base64(text, kind):
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Failure(kind, f"base64: {error}") from error
    # One text for each: no bits are left over.
    need(base64.b64encode(raw).decode() == text, kind, "base64 with bits left over")
    return raw


def hash_from(text, kind):
    raw = from_base64(text, kind)
    need(len(raw) == 32, kind, "a hash has 32 bytes")
    return raw


def decimal(text, kind):
    need(DECIMAL.fullmatch(text), kind, f"{text[:40]!r} is no decimal")
    number = int(text)
    need(number < 1 << 64, kind, "a number is too large")
    return number


def name_of_key(name):
    odd = any(c.isspace() or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c == "+" for c in name)
    return 0 < len(name.encode()) <= 255 and not odd


# The curve of Ed25519 (RFC 8032 section 5.1): the package takes any 32 bytes for a key.
FIELD = 2**255 - 19
CURVE = -121665 * pow(121666, -1, FIELD) % FIELD


def point(raw):
    """The point that 32 bytes are of, or None. x is one of its two roots: which, does not matter here."""
    y = (int.from_bytes(raw, "little") & (1 << 255) - 1) % FIELD
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if x * x % FIELD != square:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    return (x, y) if x * x % FIELD == square else None


def doubled(at):
    (x, y), t = at, CURVE * (at[0] * at[1]) ** 2 % FIELD
    x = 2 * x * y * pow(1 + t, -1, FIELD) % FIELD
    return x, (y * y + at[0] ** 2) * pow(1 - t, -1, FIELD) % FIELD


def strong(raw):
    """Whether 32 bytes are of a point that is not of small order: eight times it is not neutral."""
    at = point(raw)
    return at is not None and doubled(doubled(doubled(at))) != (0, 1)


class Key:
    """A vkey."""

    def __init__(self, text, kind="signature"):
        need(isinstance(text, str), kind, "it is no text")
        parts = text.split("+", 2)
        need(len(parts) == 3 and name_of_key(parts[0]), kind, "it is not written as a key")
        self.text, self.name = text, parts[0]
        raw = from_base64(parts[2], kind)
        need(len(raw) == 33 and raw[0] == 1, kind, "it is no key for Ed25519")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        need(self.id.hex() == parts[1], kind, "its id is another")
        need(strong(raw[1:]), kind, "it is no point, or one of small order")
        self.key = Ed25519PublicKey.from_public_bytes(raw[1:])

    def __eq__(self, other):
        return self.text == other.text

    def signed(self, note):
        """Whether it signed a note; a forged signature in its name refuses the note."""
        by_it = [raw for name, key_id, raw in note.signatures if (name, key_id) == (self.name, self.id)]
        for raw in by_it:
            try:
                # The package checks the rest, but takes any R.
                need(strong(raw[:32].ljust(32, b"\0")), "signature", "its R is of small order")
                self.key.verify(raw, note.text.encode())
            except InvalidSignature:
                raise Failure("signature", "a signature is not that of its key") from None
        return bool(by_it)


class Note:
    def __init__(self, raw, kind):
        need(len(raw) <= NOTE_BYTES_MAX, kind, "the note is too long")
        try:
            whole = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failure(kind, "the note is not UTF-8") from error
        need(not any(c < " " and c != "\n" for c in whole), kind, "it holds a control character")
        text, parted, lines = whole.rpartition("\n\n")
        need(parted and lines.endswith("\n"), kind, "it has no signatures")
        self.raw, self.text, self.signatures = raw, text + "\n", []
        lines = lines[:-1].split("\n")
        need(len(lines) <= SIGNATURES_MAX, kind, "it has too many signatures")
        for line in lines:
            parts = line.split(" ")
            need(len(parts) == 3 and parts[0] == "—" and name_of_key(parts[1]), kind, "a signature")
            signature = from_base64(parts[2], kind)
            need(len(signature) > 4, kind, "a signature is too short")
            self.signatures.append((parts[1], signature[:4], signature[4:]))


class Checkpoint:
    def __init__(self, note, kind="checkpoint"):
        lines = note.text[:-1].split("\n")
        need(len(lines) >= 3 and all(lines), kind, "it is no checkpoint")
        self.origin, self.size = lines[0], decimal(lines[1], kind)
        need(self.size <= check_record.INTEGER_MAX, kind, "its size is too large")
        self.root = hash_from(lines[2], kind)
        need(self.size or self.root == Tree().root(), kind, "the root of no entries is another")


def size_of(note):
    try:
        return Checkpoint(note).size
    except Failure:
        return None


def proof_parts(raw, kind):
    need(len(raw) <= PROOF_BYTES_MAX, kind, "it is too long")
    need(b"\r" not in raw, kind, "it holds a carriage return")
    head, parted, note = raw.partition(b"\n\n")
    need(parted, kind, "it has no checkpoint")
    try:
        return head.decode("utf-8").split("\n"), Note(note, kind)
    except UnicodeDecodeError as error:
        raise Failure(kind, "it is not UTF-8") from error


def hashes_from(lines, kind):
    need(len(lines) <= PROOF_HASHES_MAX, kind, "it has too many hashes")
    return [hash_from(line, kind) for line in lines]


def inclusion_proof(raw, extra=False):
    lines, note = proof_parts(raw, "inclusion")
    # Extra data is allowed in such a proof, but not in a bundle.
    if extra and len(lines) > 1 and lines[1].startswith("extra "):
        data = lines.pop(1)[6:]
        need(len(data) <= EXTRA_CHARS_MAX, "inclusion", "its extra data is too long")
        from_base64(data, "inclusion")
    written = len(lines) > 1 and lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("index ")
    need(written, "inclusion", "it is not written as a proof")
    return decimal(lines[1][6:], "inclusion"), hashes_from(lines[2:], "inclusion"), note


def consistency_proof(raw):
    lines, note = proof_parts(raw, "consistency")
    need(lines[0].startswith("old "), "consistency", "it has no old size")
    return decimal(lines[0][4:], "consistency"), hashes_from(lines[1:], "consistency"), note


# The file.


def read_at(file, at, count):
    # Not every system can look for what is far behind the end.
    need(at + count <= file.seek(0, 2), "container", "it is cut off")
    file.seek(at)
    return file.read(count)


def directory_of(file):
    """Where the directory begins, how many bytes it has, and of how many files it is."""
    end = file.seek(0, 2) - END.size
    need(end >= 0, "container", "it is too short")
    signature, disks, here, files, size, start, comment = END.unpack(read_at(file, end, END.size))
    plain = (signature, disks, here, comment) == (b"PK\5\6", 0, files, 0)
    need(plain, "container", "it does not end as a ZIP file does")
    large = files == 0xFFFF or 0xFFFFFFFF in (size, start)
    if end >= LOCATOR.size:
        at = end - LOCATOR.size
        signature, disk, end_at, disks = LOCATOR.unpack(read_at(file, at, LOCATOR.size))
        # Some readers go by the locator, and some by the fields that are too large.
        located = signature == b"PK\6\7"
        need(located == large, "container", "its end is not that of one ZIP file")
        if located:
            follows = (disk, disks, end_at + LARGE_END.size) == (0, 1, at)
            need(follows, "container", "its end is not that of one ZIP file")
            signature, length, _, disks, here, *found = LARGE_END.unpack(
                read_at(file, end_at, LARGE_END.size)
            )
            plain = (signature, length, disks) == (b"PK\6\6", LARGE_END.size - 12, 0)
            need(plain and here == found[0], "container", "its end is not that of one ZIP file")
            said = ((files, 0xFFFF), (size, 0xFFFFFFFF), (start, 0xFFFFFFFF))
            agrees = all(one in (most, other) for (one, most), other in zip(said, found))
            need(agrees, "container", "its two end records do not agree")
            (files, size, start), end = found, end_at
    need(start + size == end, "container", "its directory does not stop where its end begins")
    small = size <= DIRECTORY_BYTES_MAX and files <= NAMES_MAX
    need(small, "too_large", "it has too many files")
    return start, size, files


def enlarged(values, extra):
    """What is too large for its field stands in the one extra field there may be."""
    asked = [at for at, value in enumerate(values) if value == 0xFFFFFFFF]
    if not asked and not extra:
        return values
    head = struct.pack("<HH", 1, 8 * len(asked))
    one = asked and extra[:4] == head and len(extra) == 4 + 8 * len(asked)
    need(one, "container", "a file has an extra field")
    values = list(values)
    for at, value in zip(asked, struct.unpack(f"<{len(asked)}Q", extra[4:])):
        values[at] = value
    return values


def layout(file):
    """The files in the order they lie in. Every byte belongs to one, to the directory or the end."""
    start, size, files = directory_of(file)
    raw, at, following, found = read_at(file, start, size), 0, 0, []
    for _ in range(files):
        need(at + LISTED.size <= len(raw), "container", "its directory is cut off")
        fields = LISTED.unpack_from(raw, at)
        signature, version, flags, method, crc, compressed, whole, name, extra = fields[:9]
        comment, disk, attributes, header = fields[9:]
        at += LISTED.size
        written = (signature, comment, disk) == (b"PK\1\2", 0, 0) and version <= VERSION_MAX
        rest = raw[at : at + name + extra]
        written = written and len(rest) == name + extra
        need(written, "container", "its directory is not written as one")
        at += len(rest)
        name, extra = rest[:name], rest[name:]
        plain = (attributes >> 16) & 0o170000 in (0, 0o100000) and not attributes & 0x10
        plain = plain and method in (0, 8) and not flags & ~FLAGS
        plain = plain and len(name) <= 128 and NAME.fullmatch(name.decode("latin-1"))
        need(plain, "container", f"the file {name[:200]!r}")
        whole, compressed, header = enlarged((whole, compressed, header), extra)
        need(method or whole == compressed, "container", f"the file {name}")
        need(header == following, "container", "a file does not begin where the one before it ends")
        data = check_header(file, header, (flags, method, crc), (whole, compressed), name)
        following = data + compressed
        found.append((name.decode(), method, crc, whole, data, compressed))
    need(at == len(raw), "container", "its directory holds more than its files")
    need(following == start, "container", "its directory does not begin where its last file ends")
    return found


def check_header(file, at, said, sizes, name):
    """Holds the header before a file against the directory, and says where its bytes begin."""
    fields = LOCAL.unpack(read_at(file, at, LOCAL.size))
    signature, version, flags, method, crc, compressed, whole, name_bytes, extra = fields
    rest = read_at(file, at + LOCAL.size, name_bytes + extra)
    sizes_here = tuple(enlarged((whole, compressed), rest[name_bytes:]))
    same = signature == b"PK\3\4" and version <= VERSION_MAX and rest[:name_bytes] == name
    same = same and (flags, method, crc) == said and sizes_here == sizes
    need(same, "container", f"the header of {name}")
    return at + LOCAL.size + len(rest)


def unpacked(unpacking, packed, last, name, most):
    """What some bytes of a file are unpacked to: no more of it at once than a little, nor than so many
    bytes. Whoever asked for no more needs not know what is behind them."""
    if unpacking is None:
        yield packed
        return
    try:
        while packed and not unpacking.eof:
            part = unpacking.decompress(packed, min(most, 64 * 1024))
            most -= len(part)
            yield part
            packed = unpacking.unconsumed_tail
        hidden = packed or unpacking.unused_data
        need(not hidden, "container", f"{name}: something stands behind what it is unpacked from")
        if last:
            yield unpacking.flush()
    except zlib.error as error:
        raise Failure("container", f"{name}: {error}") from error


class Container:
    def __init__(self, path):
        with open(path, "rb") as file:
            found = layout(file)
        self.path, self.files = path, {one[0]: one[1:] for one in found}
        self.names = set(self.files)
        need(len(self.names) == len(found), "container", "a file is there twice")

    def parts(self, name, most=sys.maxsize):
        """The bytes of a file as they come, for somebody who takes no more than so many."""
        need(name in self.files, "container", f"{name} is missing")
        method, crc, whole, data, left = self.files[name]
        unpacking = zlib.decompressobj(-15) if method else None
        found, digest = 0, 0
        with open(self.path, "rb") as file:
            file.seek(data)
            while left:
                packed = file.read(min(left, 16 * 1024))
                left -= len(packed)
                for part in unpacked(unpacking, packed, not left, name, most - found):
                    found += len(part)
                    digest = zlib.crc32(part, digest)
                    yield part
        ends = unpacking is None or unpacking.eof
        need(ends and (found, digest) == (whole, crc), "container", f"{name}: it cannot be unpacked")

    def read(self, name, most):
        raw = bytearray()
        for part in self.parts(name, most + 1):
            raw += part
            need(len(raw) <= most, "too_large", name)
        return bytes(raw)

    def check(self, listed):
        digest, found = hashlib.sha256(), 0
        for part in self.parts(listed["path"], listed["bytes"] + 1):
            found += len(part)
            need(found <= listed["bytes"], "digest", listed["path"])
            digest.update(part)
        same = found == listed["bytes"] and digest.hexdigest() == listed["sha256"]
        need(same, "digest", listed["path"])

    def lines(self, name):
        """Lines as they come, none longer than an entry may be."""
        rest, most = b"", check_record.ENTRY_BYTES_MAX
        for part in self.parts(name):
            *whole, rest = (rest + part).split(b"\n")
            yield from whole
            need(len(rest) <= most, "entry", "a line is too long")
        need(not rest, "entry", "the last line does not end")


FILE = check_record.members(
    bytes=check_record.integer_from(0),
    path=check_record.string,
    sha256=check_record.word(check_record.SHA256),
)
# What version 2 adds to version 1: by which functions the figures were derived.
DERIVATION_MAX = 2**32 - 1
MANIFEST = dict(
    entries=check_record.integer_from(0),
    exported_at=check_record.instant,
    files=check_record.each(FILE),
    format=check_record.one_of("dutyledger-bundle"),
    key=check_record.string,
    kind=check_record.one_of("ledger", "partnership"),
    ledger_id=check_record.entry_id,
    on=check_record.civil_date,
    partnership=check_record.optional(check_record.stream_id),
    version=check_record.integer_from(1),
)
MANIFESTS = {
    1: check_record.members(**MANIFEST),
    2: check_record.members(derivation=check_record.integer_from(1), **MANIFEST),
}


def read_manifest(raw):
    try:
        text = raw.decode("utf-8")
        manifest = check_record.parse(text)
        check_record.need(check_record.canonical(manifest) == text, "not canonical")
        check_record.need(isinstance(manifest, dict), "no object")
        version = manifest.get("version")
        check_record.need(type(version) is int and version in MANIFESTS, "of another version")
        MANIFESTS[version](manifest, "")
        derivation = manifest.get("derivation", 1)
        check_record.need(derivation <= DERIVATION_MAX, "no derivation has that number")
    except (UnicodeDecodeError, RecursionError, check_record.Wrong) as error:
        raise Failure("container", f"the manifest: {error}") from error
    # In London it is up to an hour later.
    made_at = datetime.fromisoformat(manifest["exported_at"][:-1])
    ahead = datetime.fromisoformat(manifest["on"]) - made_at
    need(ahead <= timedelta(hours=1), "container", "the date its figures are as true on")
    of_one = manifest["kind"] == "partnership"
    need(of_one == (manifest["partnership"] is not None), "container", "its kind")
    paths = [listed["path"] for listed in manifest["files"]]
    need(paths == sorted(set(paths)), "container", "the order of the manifest's files")
    for path in paths:
        need(len(path) <= 128 and NAME.fullmatch(path), "container", f"the path {path[:200]!r}")
    of_entries = ENTRIES_BYTES_MAX
    if not of_one:
        of_entries = max(of_entries, manifest["entries"] * (check_record.ENTRY_BYTES_MAX + 1))
    for listed in manifest["files"]:
        most = of_entries if listed["path"] == "entries.jsonl" else FILE_BYTES_MAX
        need(listed["bytes"] <= most, "too_large", listed["path"])
    need(not of_one or manifest["entries"] <= ENTRIES_MAX, "too_large", "its entries")
    return manifest


def numbered(pattern, name):
    """Whether a file of a proof is named by a number: none has more than 64 bits."""
    written = pattern.fullmatch(name)
    return written is not None and int(written[1]) < 1 << 64


def check_names(container, manifest):
    listed = {file["path"] for file in manifest["files"]}
    of_one = manifest["kind"] == "partnership"
    proofs = {name for name in container.names if of_one and numbered(INCLUSION, name)}
    need(FIXED <= listed, "container", "the manifest lacks a file")
    others = container.names - proofs - {"manifest.json"}
    need(others == listed, "container", f"{sorted(others ^ listed)[:3]}")
    for name in listed - FIXED:
        known = name.startswith(OF_ENTRIES) or numbered(CONSISTENCY, name)
        need(known, "container", name)
    need(not of_one or len(proofs) == manifest["entries"], "inclusion", "the number of proofs")


# The entries.


# The events that give a partnership its name.
NAMING = ("PartnershipProposed", "PartnershipAmended")
PACK_MEMBERS = ("pack", "revision", "pack_sha256")
PACK = check_record.members(
    pack=check_record.string,
    revision=check_record.integer_from(0),
    pack_sha256=check_record.word(check_record.SHA256),
)
LAST = check_record.members(
    root=check_record.word(re.compile("[0-9a-fA-F]{64}")), size=check_record.integer_from(0)
)


def pack_name(pack, revision):
    return f"rule-packs/{pack}.r{revision}.json"


class Entries:
    def __init__(self, manifest, checkpoint, watch):
        self.one = manifest["kind"] == "partnership"
        self.ledger_id, self.size = manifest["ledger_id"], checkpoint.size
        self.watch, self.watched = watch, None
        self.position, self.count, self.bytes, self.recorded_at = 0, 0, 0, ""
        self.strategies = 0
        self.versions, self.tree, self.leaves = {}, Tree(), []
        self.adopted, self.packs = [], []
        self.events, self.kinds, self.partnerships = set(), set(), set()
        self.names, self.names_bytes = {}, 0

    def add(self, leaf_data):
        try:
            record, digest = check_record.check(leaf_data)
        except (check_record.Wrong, RecursionError, ValueError) as error:
            raise Failure("entry", f"after position {self.position}: {error}") from error
        position, stream = record["position"], record["stream"]
        what = f"position {position}"
        short = len(stream["type"]) <= STREAM_TYPE_BYTES_MAX
        short = short and len(record["event"]["type"]) <= EVENT_TYPE_BYTES_MAX
        need(short, "too_large", f"{what}: the name of its stream's type or of its event")
        need(record["ledger_id"] == self.ledger_id, "order", f"{what} is of another ledger")
        # A partnership's begin with the ledger's opening as well: keys and rule packs are told there.
        gaps = self.one and self.position > 0
        follows = position > self.position if gaps else position == self.position + 1
        need(follows and position <= self.size, "order", f"{what} is out of turn")
        need(record["recorded_at"] >= self.recorded_at, "order", f"{what} was recorded earlier")
        event = record["event"]
        need(position > 1 or event["type"] == "LedgerOpened", "order", "it opens no ledger")
        key = (stream["type"], stream["id"])
        need(record["version"] == self.versions.get(key, 0) + 1, "order", f"{what}: its version")
        self.versions[key] = record["version"]
        need(len(self.versions) <= STREAMS_MAX, "too_large", "there are too many streams")
        self.position, self.recorded_at = position, record["recorded_at"]
        self.count += 1
        self.events.add((event["type"], event["schema_version"]))
        self.kinds.add((stream["type"], event["type"]))
        self.partnerships.update(record["partnerships"])
        counted = max(len(self.events), len(self.kinds)) <= KINDS_MAX
        counted = counted and len(self.partnerships) <= PARTNERSHIPS_MAX
        need(counted, "too_large", "there are too many kinds of event, or partnerships")
        leaf = bytes.fromhex(digest)
        if stream["type"] == "ledger":
            self.of_ledger(record)
        if self.one:
            self.bytes += len(leaf_data) + 1
            few = self.bytes <= ENTRIES_BYTES_MAX and self.count <= ENTRIES_MAX
            need(few, "too_large", "entries.jsonl")
            self.strategies += stream["type"] == "strategy" and record["version"] == 1
            few = self.strategies * self.count <= STRATEGIES_BY_ENTRIES_MAX
            need(few, "too_large", "there are too many strategies for so many entries")
            self.leaves.append((position, leaf))
        else:
            self.name(record)
            self.tree.push(leaf)
            if self.tree.size == self.watch:
                self.watched = self.tree.root()

    def name(self, record):
        """Counts the bytes of the names that partnerships were last told to have."""
        stream, name = record["stream"], record["payload"].get("name")
        naming = stream["type"] == "partnership" and record["event"]["type"] in NAMING
        if naming and isinstance(name, str):
            self.names_bytes += len(name.encode()) - self.names.get(stream["id"], 0)
            self.names[stream["id"]] = len(name.encode())
        few = len(self.names) <= PARTNERSHIPS_MAX and self.names_bytes <= NAMES_BYTES_MAX
        need(few, "too_large", "the names of partnerships")

    def of_ledger(self, record):
        event, payload = record["event"]["type"], record["payload"]
        try:
            if event in ("LedgerOpened", "RulePackAdopted"):
                PACK({name: payload[name] for name in PACK_MEMBERS}, "")
                self.packs.append(tuple(payload[name] for name in PACK_MEMBERS))
                need(payload["revision"] < 1 << 32, "entry", f"{event}: its revision")
                path = pack_name(*self.packs[-1][:2])
                need(len(path) <= 128 and NAME.fullmatch(path), "entry", f"{event}: its rule pack")
            if event == "CheckpointKeyAdopted":
                last = payload["replaces"]
                if last is not None:
                    LAST({name: last[name] for name in ("root", "size")}, "")
                    last = (Key(last["key"], "entry"), last["size"], bytes.fromhex(last["root"]))
                self.adopted.append((record["position"], Key(payload["key"], "entry"), last))
            many = max(len(self.packs), len(self.adopted)) > KEYS_MAX
            need(not many, "too_large", "there are too many keys or rule packs")
        except (KeyError, TypeError, ValueError, check_record.Wrong) as error:
            raise Failure("entry", f"position {record['position']}: {error}") from error

    def replaced(self):
        return [last for _, _, last in self.adopted if last is not None]


# Keys.


def signer(note, checkpoint, current, entries, given):
    keys = [(current, None, None), *given.earlier]
    need(given.names_once(current), "signature", "a key is given twice")
    signed = [one for one in keys if one[0].signed(note)]
    if not signed:
        for key, _, _ in entries.replaced():
            try:
                known = key.signed(note)
            except Failure:
                known = True
            need(not known, "old_key", "a key that was replaced signed the checkpoint")
        raise Failure("signature", "no trusted key signed the checkpoint")
    for key, _, _ in signed:
        need(key.name == checkpoint.origin, "checkpoint", "its key is another ledger's")
    return counting(signed, checkpoint, current, given)


def counting(signed, checkpoint, current, given):
    """The key of those that signed a checkpoint that counts for it."""
    if signed[0][1] is None:
        return signed[0][0]
    key, last, root = max(signed, key=lambda one: one[1])
    need(checkpoint.size <= last, "old_key", "it signed after its last checkpoint")
    then, last = (checkpoint.size, checkpoint.root), (last, root)
    if then[0] in (0, last[0]):
        shown = goes_on(*then, *last, [])
    else:
        # A checkpoint of the current key that goes on from both shows it as well.
        newer = given.signed_by(current)
        both = any(given.shows(then, one) and given.shows(last, one) for one in newer)
        shown = given.shows(then, last) or both
    need(shown, "old_key", "nothing shows that its last checkpoint goes on from this")
    return key


def check_keys(entries, key, checkpoint, consistency):
    current = None
    for position, adopted, last in entries.adopted:
        before = None if last is None else last[0].text
        need(before == current, "old_key", "an entry replaces another key")
        need(last is None or last[1] < position, "old_key", "a last checkpoint is too large")
        current = adopted.text
    need(current in (None, key.text), "old_key", "the ledger has another key than the signer")
    for _, size, root in entries.replaced():
        proof = consistency.get(size)
        need(proof is not None, "consistency", f"from {size}")
        same = goes_on(size, root, checkpoint.size, checkpoint.root, proof)
        need(same, "consistency", f"from {size}")


def check_given(checkpoint, current, entries, consistency, given):
    note = given.checkpoint
    if note is None:
        return
    other = Checkpoint(note, "signature")
    old = [*entries.replaced(), *given.earlier]
    by_old = [one for one in old if one[0].signed(note)]
    # A key that was replaced is an earlier one here too where it signed the bundle's checkpoint.
    by_current = [current] if current.signed(note) else []
    need(by_old or by_current, "signature", "no trusted key signed the checkpoint given")
    for one in [*by_current, *(one[0] for one in by_old)]:
        need(one.name == other.origin, "signature", "the checkpoint given is another ledger's")
    late = not by_current and other.size > max(one[1] for one in by_old)
    need(not late, "old_key", "a key that was replaced signed after its last checkpoint")
    if not by_current and other.size > checkpoint.size:
        # What goes on from the bundle may still be what that key's last checkpoint does not go on from.
        counting(by_old, other, current, given)
    known = checkpoint.root if other.size == checkpoint.size else entries.watched
    if known is not None:
        same = known == other.root
        need(same, "forked" if by_current else "old_key", "the ledger does not go on from it")
        return
    small, large = sorted((other, checkpoint), key=lambda one: one.size)
    proofs = given.between(small.size, large.size)
    if large is checkpoint and small.size in consistency:
        proofs.append(consistency[small.size])
    if small.size == 0:
        proofs.append([])
    shown = any(goes_on(small.size, small.root, large.size, large.root, proof) for proof in proofs)
    need(shown, "consistency", "nothing shows whether one goes on from the other")


def kebab(event):
    return re.sub(r"(?<!^)([A-Z])", r"-\1", event).lower()


def check_released(manifest, entries):
    listed = {file["path"]: file["sha256"] for file in manifest["files"]}
    schemas = {f"schemas/events/{kebab(event)}.v{version}.json" for event, version in entries.events}
    packs = {pack_name(pack, revision) for pack, revision, _ in entries.packs}
    for path in sorted(schemas | packs):
        need(path in listed, "released", f"{path} is missing")
    for path in listed:
        of_entries = path.startswith(OF_ENTRIES)
        need(not of_entries or path in schemas | packs, "container", f"{path} is of no entry")
        if path in DOCUMENTS:
            digest = hashlib.sha256(DOCUMENTS[path].read_bytes()).hexdigest()
            known = digest == listed[path] or (listed[path], path) in EDITIONS
            need(known, "released", f"{path} is not one that was released")
    for pack, revision, sha256 in entries.packs:
        need(listed[pack_name(pack, revision)] == sha256, "released", f"{pack} {revision}")


def verify(path, given):
    container = Container(path)
    manifest = read_manifest(container.read("manifest.json", MANIFEST_BYTES_MAX))
    check_names(container, manifest)
    for listed in manifest["files"]:
        container.check(listed)

    note = Note(container.read("checkpoint", FILE_BYTES_MAX), "checkpoint")
    checkpoint = Checkpoint(note)
    need(checkpoint.origin == manifest["ledger_id"], "checkpoint", "it is of another ledger")

    watch = given.checkpoint and size_of(given.checkpoint)
    entries = Entries(manifest, checkpoint, watch)
    for line in container.lines("entries.jsonl"):
        entries.add(line)
    need(entries.count == manifest["entries"], "order", "the manifest counts other entries")
    early = entries.recorded_at <= manifest["exported_at"]
    need(early, "order", "the last entry was recorded after the bundle was made")
    if not entries.one:
        need(entries.count == checkpoint.size, "order", "the checkpoint has other entries")
        need(entries.tree.root() == checkpoint.root, "root", "their root is another")
    for position, leaf in entries.leaves:
        name = f"proofs/inclusion/{position}.tlog-proof"
        need(name in container.names, "inclusion", f"{name} is missing")
        index, hashes, signed = inclusion_proof(container.read(name, PROOF_BYTES_MAX))
        need(signed.raw == note.raw and index == position - 1, "inclusion", name)
        holds = included(index, checkpoint.size, leaf, hashes, checkpoint.root)
        need(holds, "inclusion", name)
    consistency = {}
    for name in sorted(container.names):
        if numbered(CONSISTENCY, name):
            old, hashes, signed = consistency_proof(container.read(name, PROOF_BYTES_MAX))
            named = name == f"proofs/consistency/{old}.txt"
            need(named and signed.raw == note.raw, "consistency", name)
            consistency[old] = hashes

    named = Key(manifest["key"])
    current = given.key or named
    key = signer(note, checkpoint, current, entries, given)
    check_keys(entries, key, checkpoint, consistency)
    check_given(checkpoint, current, entries, consistency, given)
    check_released(manifest, entries)
    need(given.key is not None, "unconfirmed", "it agrees with itself; name the ledger's key")
    return checkpoint


# Single proofs.


def accepted(note, given):
    """The checkpoint of a note that a key signed which counts for it."""
    checkpoint = Checkpoint(note)
    signed = [one for one in [(given.key, None, None), *given.earlier] if one[0].signed(note)]
    need(signed, "signature", "no trusted key signed the checkpoint")
    for key, _, _ in signed:
        need(key.name == checkpoint.origin, "checkpoint", "its key is another ledger's")
    counting(signed, checkpoint, given.key, given)
    return checkpoint


def check_inclusion(raw, entry, leaf, given):
    index, hashes, note = inclusion_proof(raw, extra=True)
    checkpoint = accepted(note, given)
    if entry is not None:
        try:
            record, digest = check_record.check(entry.removesuffix(b"\n"))
        except (check_record.Wrong, RecursionError, ValueError) as error:
            raise Failure("entry", error) from error
        same = record["ledger_id"] == checkpoint.origin
        need(same, "checkpoint", "the entry is of another ledger")
        need(record["position"] == index + 1, "inclusion", "it is a proof of another position")
        leaf = bytes.fromhex(digest)
    holds = included(index, checkpoint.size, leaf, hashes, checkpoint.root)
    need(holds, "inclusion", "it does not hold")
    return checkpoint


def check_consistency(raw, kept, given):
    size, hashes, note = consistency_proof(raw)
    kept = Note(kept, "checkpoint")
    given.proofs.append((size, hashes, note))
    new, old = accepted(note, given), accepted(kept, given)
    need(new.origin == old.origin, "checkpoint", "they are of two ledgers")
    forked = new.size == old.size and new.root != old.root
    need(not forked, "forked", "of as many entries two roots are signed")
    need(size == old.size, "consistency", "it is a proof from another size")
    holds = goes_on(size, old.root, new.size, new.root, hashes)
    need(holds, "consistency", "it does not hold")
    return new


class Given:
    """What whoever checks has from elsewhere."""

    def __init__(self, arguments):
        self.key = Key(arguments.trusted_key) if arguments.trusted_key else None
        self.earlier = []
        for text in arguments.earlier_key:
            key, size, root = text.split(" ")
            self.earlier.append((Key(key), int(size), bytes.fromhex(root)))
        self.checkpoint = None
        if getattr(arguments, "checkpoint", None):
            self.checkpoint = Note(arguments.checkpoint.read(), "signature")
        self.proofs = [consistency_proof(file.read()) for file in arguments.consistency]

    def names_once(self, current):
        """Whether no key is given twice: what it counts up to would not be one answer."""
        texts = [current.text, *(key.text for key, _, _ in self.earlier)]
        return len(set(texts)) == len(texts)

    def shows(self, old, new):
        """Whether a proof given shows that one tree, its size and root, goes on from another."""
        return any(goes_on(*old, *new, hashes) for size, hashes, _ in self.proofs if size == old[0])

    def signed_by(self, key):
        """The size and root of every checkpoint that a key signed in the proofs given."""
        found = []
        for _, _, note in self.proofs:
            try:
                checkpoint = Checkpoint(note)
                if key.signed(note) and key.name == checkpoint.origin:
                    found.append((checkpoint.size, checkpoint.root))
            except Failure:
                continue
        return found

    def between(self, old, size):
        """The hashes of every proof given from one size to another."""
        return [
            hashes
            for from_size, hashes, note in self.proofs
            if (from_size, size_of(note)) == (old, size)
        ]


def read_most(path, most):
    """The bytes of a file, and no more of them than one too many."""
    with open(path, "rb") as file:
        return file.read(most + 1)


def alone(kind):
    """Checks a proof that stands alone."""
    parser = argparse.ArgumentParser(description=f"Checks a single {kind} proof.")
    parser.add_argument("kind")
    parser.add_argument("proof")
    parser.add_argument("--trusted-key", required=True)
    parser.add_argument("--earlier-key", action="append", default=[])
    parser.add_argument("--consistency", type=argparse.FileType("rb"), action="append", default=[])
    if kind == "consistency":
        parser.add_argument("--from", dest="kept", required=True)
    else:
        leaf = parser.add_mutually_exclusive_group(required=True)
        leaf.add_argument("--entry")
        leaf.add_argument("--leaf-hash", type=bytes.fromhex)
    arguments = parser.parse_args()
    given = Given(arguments)
    # A bundle names a key too, which is not known before it is read; here the command line names all.
    if not given.names_once(given.key):
        parser.error("a key is given twice")
    raw = read_most(arguments.proof, PROOF_BYTES_MAX)
    if kind == "consistency":
        return check_consistency(raw, read_most(arguments.kept, NOTE_BYTES_MAX), given)
    entry = arguments.entry and read_most(arguments.entry, check_record.ENTRY_BYTES_MAX + 1)
    return check_inclusion(raw, entry, arguments.leaf_hash, given)


def whole():
    """Checks a bundle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trusted-key")
    parser.add_argument("--earlier-key", action="append", default=[])
    parser.add_argument("--checkpoint", type=argparse.FileType("rb"))
    parser.add_argument("--consistency", type=argparse.FileType("rb"), action="append", default=[])
    parser.add_argument("bundle")
    arguments = parser.parse_args()
    return verify(arguments.bundle, Given(arguments))


def run():
    kind = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        checkpoint = alone(kind) if kind in ("inclusion", "consistency") else whole()
    except Failure as failure:
        print(f"not verified: {failure}", file=sys.stderr)
        return CODES.get(failure.kind, 1)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"size": checkpoint.size, "root": checkpoint.root.hex()}))
    return 0


if __name__ == "__main__":
    sys.exit(run())
