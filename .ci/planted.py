"""Planted faults: one or more in each module of the rules, and what catches it.

By hand, as the mutation check beside it (docs/mutation.md):

    python .ci/planted.py --book var/book.json [MODULE ...]

A fault is what somebody could write by mistake: an inclusive limit taken for an exclusive one, a
side left out, a day counted twice. It is held against the worked examples with the real formulary,
then against the laws, and only then against the tables of tests/rules. The command fails for a
fault that nothing catches.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from mutants import MUTANT_SECONDS, RULES, TABLES, _examples_hold, _Mutated, _pass, _tests_pass

EXAMPLE, LAW, TABLE, NOTHING = 10, 11, 12, 13
BY = {EXAMPLE: "an example", LAW: "a law", TABLE: "a table of tests/rules", NOTHING: "NOTHING"}
LAWS_DRAWN = "300"
DECIDES_NOTHING = TABLES | {
    # They hold names, types and what is printed.
    *("__init__", "catalogue", "codes", "dossier", "drug", "engine", "finding", "rule"),
}


class Fault(NamedTuple):
    """`old` stands once in a module of reviews/rules, and `new` in its place is wrong."""

    module: str
    old: str
    new: str

    @property
    def source(self) -> str:
        """The module with the fault in it."""
        before = (RULES / f"{self.module}.py").read_text()
        if before.count(self.old) != 1:
            raise ValueError(f"{self.module}: {self.old!r} stands {before.count(self.old)} times")
        return before.replace(self.old, self.new)


PLANTED = (
    Fault(
        "asking",
        "rule.limits.get(book.base_of(profile), {}).keys() <= held.keys()",
        "True",
    ),
    Fault(
        "asking",
        "asked(rule for rule in running if rule.idle)",
        "asked(rule for rule in running if not rule.idle)",
    ),
    Fault(
        "birth",
        "return day if age <= OLDEST else None",
        "return day if age <= OLDEST - 50 else None",
    ),
    Fault(
        "book",
        "return memory_of(self).recognised.recognise(medicine)",
        "return memory_of(self).recognised.index.recognise(medicine.text, ())",
    ),
    Fault(
        "compare",
        "changed=tuple(each for each in kept if each.before.severity != each.after.severity),",
        "changed=tuple(each for each in kept if each.before.severity < each.after.severity),",
    ),
    Fault("bounds", "mildest = step if floor else LEAST", "mildest = LEAST"),
    Fault(
        "changing",
        "if first in held and second in held and held[first] > held[second]:",
        "if first in held and second in held and held[first] < held[second]:",
    ),
    Fault("conditions", "return bool(_NO.match(_spoken(text)))", "return False"),
    Fault(
        "coprescribed",
        "if offers and not view.reached(max(offers) + within + 1):",
        "if offers and not view.reached(max(offers) + within + 2):",
    ),
    Fault(
        "cumulative",
        "window, days = half, view.exposed(half, item.span.end)",
        "window, days = half, view.exposed(half, view.today)",
    ),
    Fault("deaths", "on.toordinal() > died", "on.toordinal() >= died"),
    Fault(
        "dependence",
        'if days + earlier >= limit["likely_from_days"]:',
        'if days + earlier > limit["likely_from_days"]:',
    ),
    Fault("dependence", "return POSSIBLE if level == LOW else LIKELY", "return POSSIBLE"),
    Fault("directions", "if not said or len(said) > LONGEST:", "if True:"),
    Fault("doses", "urgent = over_now and mg > most", "urgent = mg > most"),
    Fault(
        "duplicates",
        "if found.end - found.start + 1 > max_days or not found.sure:",
        "if found.end - found.start > max_days or not found.sure:",
    ),
    Fault(
        "duration",
        "if over is not None and longest.days > over:",
        "if over is not None and longest.days >= over:",
    ),
    Fault("duration", "day = item.episode.day_of(over + 1)", "day = item.episode.day_of(over)"),
    Fault("elderly", "if longest.days < at:", "if longest.days <= at:"),
    Fault(
        "elderly",
        "for use in (*_current_uses(view, rescue=True), *view.undated)",
        "for use in _current_uses(view, rescue=True)",
    ),
    Fault("equivalents", "total += part.mg * factor.value", "total += part.mg * factor.highest"),
    Fault("exemptions", "severity = max(severity, floor)", "severity = min(severity, floor)"),
    Fault("exposure", "if start - last - 1 > gap_days:", "if start - last > gap_days:"),
    Fault(
        "exposure",
        "shift = min(stock_end - start + 1, max_days)",
        "shift = min(stock_end - start + 2, max_days)",
    ),
    Fault(
        "exposure",
        "later.start > use.start\n        and later.line.as_needed",
        "later.start > use.start and False\n        and later.line.as_needed",
    ),
    Fault("forms", '"buccal",\n        "buccal",', '"buccal",\n        "oral",'),
    Fault(
        "indicated",
        'cap = limit["hypnotic_supply_over_days" if hypnotic else "anxiolytic_supply_over_days"]',
        'cap = limit["anxiolytic_supply_over_days" if hypnotic else "hypnotic_supply_over_days"]',
    ),
    Fault(
        "indications",
        'return DURATION_RULE.get(indication, "DUR-01")',
        "return DURATION_RULE.get(indication)",
    ),
    Fault(
        "interactions",
        'use.drug.key == "ritonavir" and view.base != "US"',
        'use.drug.key == "ritonavir"',
    ),
    Fault(
        "kept",
        "setattr(instance, self.work.__name__, found)",
        "setattr(type(instance), self.work.__name__, found)",
    ),
    Fault(
        "matters",
        "grouped.setdefault(joins if joins in by_row else key, [])",
        "grouped.setdefault(joins, [])",
    ),
    Fault(
        "meanings",
        "if recognition.suspected or line.acquired == ONLINE:",
        "if recognition.suspected and line.acquired == ONLINE:",
    ),
    Fault(
        "memory",
        "answers = memory_of(book).answers\n        key = (work, *asked)",
        "answers = memory_of(book).answers\n        key = (work,)",
    ),
    Fault("metabolism", '"nefazodone": {"triazolam": 1,', '"nefazodone": {"triazolam": 2,'),
    Fault(
        "missing",
        "if was != is_now and worst <= ACTED_ON:",
        "if was != is_now and worst < ACTED_ON:",
    ),
    Fault(
        "naming",
        "if name not in first or start < first[name]:",
        "if name not in first or start > first[name]:",
    ),
    Fault("opioids", "severity = 1 if start else 2", "severity = 2 if start else 1"),
    Fault("pairs", "if found.first < found.start:", "if found.first > found.start:"),
    Fault(
        "patient",
        'near = not view.reached(days[-1] + limit["urgent_under_days"])',
        'near = not view.reached(days[-1] + limit["urgent_under_days"] + 1)',
    ),
    Fault(
        "person",
        "age = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))",
        "age = on.year - birth.year - ((on.month, on.day) <= (birth.month, birth.day))",
    ),
    Fault("policy", "milder = severity > candidate.finding.severity", "milder = False"),
    Fault(
        "precedence",
        "if _holds(row.when, mine, other) and not _is_too_mild(mine, other):",
        "if not _holds(row.when, mine, other) and not _is_too_mild(mine, other):",
    ),
    Fault(
        "presence",
        "named_a, named_b = _of_drugs(a, of_a), _of_drugs(b, of_b)",
        "named_a, named_b = a, b",
    ),
    Fault(
        "profiles",
        "found |= changed",
        "found = changed | found",
    ),
    Fault(
        "quality",
        "severity = 2 if view.active or may_be_one else 3",
        "severity = 2 if view.active and may_be_one else 3",
    ),
    Fault(
        "quantities",
        'return _told(many * _number(found["each"]), found["unit"] or "unit")',
        'return _told(many + _number(found["each"]), found["unit"] or "unit")',
    ),
    Fault(
        "rates",
        "return quantity[0] * per_day[1] // (quantity[1] * per_day[0])",
        "return quantity[0] * per_day[1] // (quantity[1] * per_day[0]) + 1",
    ),
    Fault(
        "readings",
        "if not known.lowest <= value <= known.highest:",
        "if not known.lowest < value < known.highest:",
    ),
    Fault(
        "recognise",
        'return mask & ~BIT["opioid"] | BIT[SUBSTITUTION] if mask & BIT["opioid"] else mask',
        "return mask",
    ),
    Fault(
        "reviewing",
        'overdue = _overdue(view, last, every) if elapsed >= elapsed_from else ""',
        'overdue = _overdue(view, last, every) if elapsed > elapsed_from else ""',
    ),
    Fault(
        "saying",
        "if uses:\n        yield cannot_judge(",
        "if len(uses) > 1:\n        yield cannot_judge(",
    ),
    Fault(
        "screen",
        "recognition = as_prescribed(line, recognition)",
        "pass",
    ),
    Fault(
        "sedatives", 'elif age >= limit["age_from_years"]:', 'elif age > limit["age_from_years"]:'
    ),
    Fault("spelling", 'return word if len(word) >= SHORTEST else ""', "return word"),
    Fault(
        "stopping", "if not view.reached(ended + grace):", "if not view.reached(ended + grace + 1):"
    ),
    Fault(
        "strengths",
        'return _Reading((float(head + "".join(groups)),))',
        "return _Reading((float(head),))",
    ),
    Fault(
        "substances",
        'if audit is not None and audit >= limit["audit_c_from_points"]:',
        'if audit is not None and audit > limit["audit_c_from_points"]:',
    ),
    Fault(
        "supply",
        'was = "issued", "was issued"\n    if not view.reached(latest.day):',
        'was = "issued", "was issued"\n    if False:',
    ),
    Fault(
        "supply",
        '"" < who(a.line) < who(b.line) and a.start <= b.reach and b.start <= a.reach',
        '"" < who(a.line) < who(b.line) and a.start < b.reach and b.start < a.reach',
    ),
    Fault("tapers", "lambda day: _used_for_long(view, limit, episode, day - 1)", "lambda _: True"),
    Fault(
        "view",
        "return self.today <= end + self.gap_days + 1",
        "return self.today <= end + self.gap_days",
    ),
    Fault("view", 'verb = "passed" if self.reached(day) else "would pass"', 'verb = "passed"'),
    Fault(
        "watch",
        "self.next_change = min(self.next_change, ordinal)",
        "self.next_change = max(self.next_change, ordinal)",
    ),
    Fault("weight", "if value >= step.at_least", "if value > step.at_least"),
    Fault(
        "words",
        'return stem if " and " in names else f"{stem}s"',
        'return f"{stem}s" if " and " in names else stem',
    ),
)


def caught(fault, book) -> int:
    """What catches a fault, in a process of its own; one that never ends counts as an example."""
    child = os.fork()
    if not child:
        signal.alarm(MUTANT_SECONDS * 3)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, _Mutated(fault.module, fault.source))
        os.environ["LAWS"] = LAWS_DRAWN
        for found, holds in (
            (EXAMPLE, lambda: _examples_hold(book)),
            (LAW, lambda: _pass(["tests/rules/test_laws.py"])),
            (TABLE, _tests_pass),
        ):
            try:
                if not holds():
                    os._exit(found)
            except BaseException:
                os._exit(found)
        os._exit(NOTHING)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code in BY else EXAMPLE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="only these")
    parser.add_argument("--book", required=True, help="a published rule book as JSON")
    arguments = parser.parse_args()
    book = json.loads(Path(arguments.book).read_text())
    sys.path[0] = os.getcwd()
    missed = 0
    for fault in PLANTED:
        if not arguments.modules or fault.module in arguments.modules:
            found = caught(fault, book)
            missed += found == NOTHING
            sys.stdout.write(
                f"{fault.module}: {fault.new.splitlines()[0]} - caught by {BY[found]}\n"
            )
            sys.stdout.flush()
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
