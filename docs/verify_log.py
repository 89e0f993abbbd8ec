"""Checks the portal's sealed log without the portal. Needs Python 3.11 and `cryptography`.

    python verify_log.py heads.jsonl --key PUBLIC [--log log.jsonl] [--export events.ndjson]

heads.jsonl is the file of signed tree heads that the portal keeps outside its database, PUBLIC what
`manage.py seal --key` printed, log.jsonl (`manage.py seal --log FILE`) every sealed row in order,
events.ndjson an export with proofs. Ends with 1 and a sentence where something does not fit.
"""

import argparse
import json
import sys
from functools import reduce
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def node(left, right):
    return sha256(b"\x01" + left + right).digest()


def checked_heads(lines, key):
    """The heads in force, by number: signed, chained, signed by keys that the key before named."""
    heads = {}
    for line in lines:
        said = json.loads(line)
        body = json.loads(said["body"])
        name = f"Tree head {body['number']}"
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
            public.verify(bytes.fromhex(said["signature"]), said["body"].encode())
        except (InvalidSignature, ValueError):
            sys.exit(f"{name} is not signed by the key {key}.")
        if "restored" in body:
            print(f"{name}: on from {body['goes_on_from']} after a restore: {body['restored']}")
            heads = {n: head for n, head in heads.items() if n <= body["goes_on_from"]}
        last = heads[max(heads)] if heads else {"size": 0}
        follows = body["previous"] == (sha256(last["text"]).hexdigest() if heads else "")
        if not follows or body["size"] < last["size"]:
            sys.exit(f"{name} does not follow the head before it.")
        key = body.get("new_key", key)  # from here on
        heads[body["number"]] = {**body, "text": said["body"].encode()}
    return heads


def check_log(lines, heads):
    """Work out the root of each head from the rows themselves."""
    parts, size = [], 0
    waiting = [heads[number] for number in sorted(heads)]
    for line in lines:
        leaf, height = sha256(b"\x00" + line.encode()).digest(), 0
        while size >> height & 1:
            leaf, height = node(parts.pop(), leaf), height + 1
        parts, size = [*parts, leaf], size + 1
        while waiting and waiting[0]["size"] == size:
            head = waiting.pop(0)
            if reduce(lambda right, left: node(left, right), parts[::-1]).hex() != head["root"]:
                sys.exit(f"The rows up to {size} are not those of tree head {head['number']}.")
    if waiting:
        sys.exit(f"The log ends after {size} rows; tree head {waiting[0]['number']} has more.")
    return size


def leads_to(text, position, size, path):
    """The root that a row at a position leads to with these hashes, the nearest first."""
    root, last = sha256(b"\x00" + text.encode()).digest(), size - 1
    for other in map(bytes.fromhex, path):
        if position & 1 or position == last:
            root = node(other, root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = node(root, other)
        position, last = position >> 1, last >> 1
    return root.hex() if last == 0 else ""


def check_export(lines, heads):
    """Look for the head of an export among the heads, and for each and all of its rows."""
    told = "".join(f"{line}\n" for line in lines[1:]).encode()
    try:
        first, *rows = map(json.loads, lines)
        said, head = first["head"]["body"], json.loads(first["head"]["body"])
        if heads.get(head["number"], {}).get("text") != said.encode():
            sys.exit(f"Tree head {head['number']} of the export is not among these heads.")
        for row in rows:
            if leads_to(row["text"], row["position"], head["size"], row["path"]) != head["root"]:
                sys.exit(f"The row at position {row['position']} is not the one that was sealed.")
        if len(rows) != first["rows"] or sha256(told).hexdigest() != first["digest"]:
            sys.exit(f"The export was cut or changed: {first['rows']} rows were made.")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"The export cannot be read: {error!r}.")
    print(f"{len(rows)} exported rows, all of them: sealed under tree head {head['number']}.")


def whole_lines(path):
    *lines, rest = Path(path).read_bytes().decode("utf-8", "replace").split("\n")
    return sys.exit(f"{path} ends in the middle of a line.") if rest else lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--key", required=True)
    for name in ("heads", "--log", "--export"):
        parser.add_argument(name, type=whole_lines)
    given = parser.parse_args()
    heads = checked_heads(given.heads, given.key)
    print(f"{len(heads)} tree heads: signed, and each follows the one before it.")
    if given.log:
        print(f"{check_log(given.log, heads)} rows: those that were signed.")
    if given.export is not None:
        check_export(given.export, heads)
