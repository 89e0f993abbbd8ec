"""`./dev bench [--quick] [NAME ...]`: the benchmarks named (--help lists them), or all."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import (
    case_page,
    export,
    fhir_out,
    ground,
    hooks,
    latency,
    load,
    people_page,
    queue,
    reading,
    rescreen,
    what_if,
)
from benchmarks import walls as behind_walls
from benchmarks.table import Row, markdown, plain
from portal.progress import say, step
from reviews import walls

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
ON_GROUND = (
    *("queue", "walls", "case", "reading", "people", "fhir-out", "export"),
    *("rescreen", "what-if", "latency", "load", "hooks"),
)
BY_THEMSELVES = {
    "rules": "benchmarks.screening",
    "sync": "benchmarks.sync",
    "feed": "benchmarks.feed",
    "upload": "benchmarks.upload",
    "import": "benchmarks.bulk_import",
    "fhir-in": "benchmarks.fhir_in",
    "release": "benchmarks.releases",
    "diff": "benchmarks.books",
}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ON_GROUND, *BY_THEMSELVES, []])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes; prints, and writes no page"
    )
    parser.add_argument("--patients", type=int, metavar="N", help="size of the population")
    given = parser.parse_args()
    names = given.names or [*ON_GROUND, *BY_THEMSELVES]
    walls.by_default(walls.EVERYTHING)
    patients = given.patients or (5_000 if given.quick else 100_000)
    rows, failed, prescriptions = [], [], 0
    if set(names) & set(ON_GROUND):
        floor = people_page.few() if "people" in names else {}
        with ground.own_database():
            prescriptions = ground.populate(patients)
            for name, measure in on_ground(patients, floor, quick=given.quick).items():
                if name in names:
                    rows += measure()
    for name, module in BY_THEMSELVES.items():
        if name in names:
            try:
                rows += by_itself(module)
            except subprocess.CalledProcessError:
                # What was measured before is still printed.
                failed.append(name)
    print(plain(rows), flush=True)
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. No page was written.")
    if not given.quick and not given.names:
        PAGE.write_text(
            markdown(rows, patients=patients, prescriptions=prescriptions, before=PAGE.read_text())
        )
        say(f"\nWritten to {PAGE.relative_to(ROOT)}.")


def on_ground(patients, floor, *, quick):
    """What measures each on one population, by name, in the order in which they are run."""
    few = 5 if quick else 20
    return {
        "queue": lambda: queue.measure(patients // 10, patients * 2),
        "walls": lambda: behind_walls.measure(patients * 2),
        "case": case_page.measure,
        "reading": reading.measure,
        "people": lambda: people_page.measure(patients, floor),
        "fhir-out": fhir_out.measure,
        "export": lambda: export.measure(patients),
        "rescreen": lambda: rescreen.measure(patients),
        "what-if": lambda: what_if.measure(patients),
        "latency": lambda: latency.measure(5 if quick else 30),
        "load": lambda: load.measure(few),
        "hooks": lambda: hooks.measure(few),
    }


def by_itself(module):
    """Run a benchmark that prints its own lines, and take its ratios into the table."""
    with step(f"Run {module}"):
        done = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return list(rows_of(done.stdout))


RATIO = re.compile(
    r"(?P<what>[^:]+): (?P<measured>[^,]+), ratio (?P<ratio>[\d.]+)"
    r"(?: \(aim: at most (?P<aim>[\d.]+)\))?"
)
FLOOR = re.compile(r"(?P<floor>(?:COPY|Sync|Insert|Decode) [^:]+: \S+ ms)")
LOOP = re.compile(
    r"(?P<what>\w+)\s+(?P<measured>[\d,]+ dossiers/s)\s"
    r".*?(?P<ratio>[\d.]+) x (?P<floor>a bare loop)"
)
PART = re.compile(
    r"of which (?P<what>\S+)\s+(?P<measured>[\d.]+ us each)\s+"
    r"(?P<ratio>[\d.]+) x (?P<floor>a bare loop)"
)


def rows_of(text):
    floor = ""
    for line in text.splitlines():
        if found := FLOOR.match(line):
            floor = found["floor"]
        elif found := LOOP.match(line):
            what = f"Rules alone, {found['what'].replace('_', ' ')}"
            yield Row(what, float(found["ratio"]), found["floor"], found["measured"])
        elif found := PART.match(line):
            what = f"of the dearest kind, {found['what']}"
            yield Row(what, float(found["ratio"]), found["floor"], found["measured"])
        elif found := RATIO.match(line):
            aim = float(found["aim"]) if found["aim"] else None
            what = found["what"].capitalize()
            yield Row(what, float(found["ratio"]), floor, found["measured"], aim)


if __name__ == "__main__":
    main()
