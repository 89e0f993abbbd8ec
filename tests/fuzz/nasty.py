"""Values that programs choke on, and records of JSON with one of them in it."""

import json
from copy import deepcopy

NUMBERS = [
    "²", "٣", "Ⅷ", "𝟙", "-1", "0", "007", "1e400", "-1e400", "nan", "inf", "-inf", "1_000", "0x10",
    "1.5", "1,5", "½", " 7 ", "9" * 19, str(2**31), str(2**63), str(-(2**63)), "9" * 4300,
    "9" * 4301, "1" + "0" * 5000, "0." + "0" * 5000 + "1", "1e-400", "7.000000000000000000001",
]  # fmt: skip
DAYS = [
    "31 Feb 2026", "1 Jan 0001", "31 Dec 9999", "+9999d", "-9999d", "+99999d", "0000-00-00",
    "9999-12-31", "0001-01-01", "2026-13-45", "1/1/10000", "29 Feb 2025", "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "20260101", "1 Janvier 2026", "٣ Jan",
]  # fmt: skip
TEXTS = [
    "", " ", "\0", "a\0b", "é", "\u202e", "\ufeff", "👩‍⚕️", "\x7f", "\r\n", "a\r\nSet-Cookie: b=c",
    "<script>alert(1)</script>", "{{ 7*7 }}", "%s%n", "' OR 1=1 --", "\\", "%", "_", "*", "(", "[",
    "(a+)+$", "x" * 300, "x" * 5000, "x " * 20_000, "../../etc/passwd", "null", "None", "true", "|",
    "a|b|c", ":", "1:", ":1", "1:2:3", "²:²", "1@", "1@²", "@2026", "?", "?page=²", "&=&", "nhs|",
]  # fmt: skip
SHAPES = [
    '{"medicine": 1, "codings": []}', '{"medicine": "x", "codings": 1}', '{"medicine": "x"}',
    '{"medicine": "x", "codings": [1]}',
    '{"medicine": "x", "codings": [{"system": 1, "code": []}]}',
    '{"medicine": "x", "codings": [{}]}', '{"medicine": null, "codings": null}',
    '{"medicine": "a\\u0000b", "codings": []}', '{"medicine": "\\ud800", "codings": []}',
    '{"medicine": "x", "codings": {"system": "atc", "code": "N05"}}',
    '{"medicine": "", "codings": []}',
    '{"medicine": "x", "codings": [{"system": "atc", "code": "\\u0000"}]}', '{"medicine":' * 3000,
    "[]", "{}", "null", "1", '"x"', "[1]", '["x"]', '["x", 1]', '["x", [1]]', '["x", [[]]]', "[[]]",
    '["x", [{}]]', '["x", [{"system": 1, "code": []}]]', '[1, []]', '[null, null]', '["x", null]',
    '["\\u0000", []]', '["x", [{"system": "a", "code": "\\u0000"}]]', '["\\ud800", []]', "[" * 5000,
    "[" * 200_000, '{"a":' * 2000, '["x"', "NaN", "1e999", '["x", [], 3]',
    '["' + "x" * 6000 + '", []]', "as-written", "AS-WRITTEN",
    '["x", [{"system": "atc", "code": "N05"}]]',
]  # fmt: skip
ALL = [*NUMBERS, *DAYS, *TEXTS, *SHAPES]
# Not what text becomes on its way, but bytes that are no text.
BYTES = [b"%ff", b"%c3%28", b"%ed%a0%80", b"%00", b"%", b"%zz", b"%u0041", b"\xff", b"+", b"%f8%a1"]
JSON = [
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**400, 1e308, -1e308, [], {}, [[]], [{}],
    {"a": {"a": {}}}, [None], *NUMBERS[:12], *DAYS, *TEXTS[:14], "x" * 5000,
]  # fmt: skip


def deep(levels):
    return '{"a":' * levels + "1" + "}" * levels


def spoiled(record, random):
    """A copy of a record with something wrong somewhere in it, now and then in two places."""
    record = deepcopy(record)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(record))
        where, key = random.choice(places)
        match random.randrange(5):
            case 0:
                del where[key]
            case 1:
                where[key] = [where[key], where[key]]
            case 2 if isinstance(where, dict):
                where[random.choice(TEXTS)[:50]] = deepcopy(random.choice(JSON))
            case _:
                where[key] = deepcopy(random.choice(JSON))
        if not record:
            break
    return record


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list) and inner:
            yield from _places(inner)


def bodies(records, random):
    """Bodies for a list of records, most of them JSON."""
    text = json.dumps([spoiled(record, random) for record in records])
    match random.randrange(12):
        case 0:
            return text[: random.randrange(len(text))].encode()
        case 1:
            return text.encode("utf-16")
        case 2:
            at = random.randrange(len(text))
            return text[:at].encode() + random.choice((b"\xff", b"\0", b"\xed\xa0\x80")) + b"x"
        case 3:
            return ("[" + deep(random.choice((10, 900, 5000, 100_000))) + "]").encode()
        case 4:
            return json.dumps(random.choice(JSON)).encode()
        case 5:
            return b"[" + b"9" * random.choice((4300, 4301, 100_000)) + b"]"
        case _:
            return text.encode()
