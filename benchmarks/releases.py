"""A dm+d release of 100,000 rows, read in by its job, and the rule book that it makes.

    ./dev bench release
    RELEASE_PRODUCTS=60000 ./dev bench release

A product of this file is three rows: what is prescribed, its ingredient, what is sold. The floor is
COPY of the products that come of it, in COPY's own text, into an empty table with the same columns
and indexes. Names and codes are invented.
"""

import os
import resource
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import msgspec
from django.db import connection

from benchmarks import ground
from drugs import facts
from drugs.models import Edition, EditionProduct
from reviews import jobs, requests, walls
from reviews.models import Job
from reviews.rules.book import RuleBook
from reviews.tasks import KINDS
from reviews.verbs import editions
from tests import database, releases

PRODUCTS = int(os.environ.get("RELEASE_PRODUCTS", "30000"))
SUBSTANCES = list(releases.SUBSTANCES)


def code(kind, number):
    return f"{kind}{number:08d}"


def write(folder):
    """The files of a release, of which one product in five holds diazepam."""
    vmps, vpis, amps, forms = [], [], [], []
    for number in range(PRODUCTS):
        own = code(8, number)
        vmps.append(releases.vmp(own, f"Product {number} 5mg tablets"))
        vpis.append(releases.vpi(own, SUBSTANCES[number % len(SUBSTANCES)], "5"))
        forms.append(releases.tagged("DFORM", VPID=own, FORMCD=releases.TABLET))
        amps.append(
            releases.tagged("AMP", APID=code(9, number), VPID=own, NM=f"Brand {number} tablets")
        )
    return releases.dmd(folder, vmps=vmps, vpis=vpis, forms=forms, amps=amps)


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def take_in():
    began = perf_counter()
    while Job.objects.unfinished().exists():
        jobs.work(KINDS, seconds=5)
    took = perf_counter() - began
    edition = Edition.objects.latest("pk")
    if edition.state != Edition.State.READY or edition.read["products"] < 2 * PRODUCTS:
        sys.exit(f"It was not read: {edition.state} {edition.read} {edition.refused}")
    return edition, took


def floor():
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute("CREATE TABLE bench_floor (LIKE drugs_editionproduct INCLUDING ALL)")
        with cursor.copy("COPY (SELECT * FROM drugs_editionproduct) TO STDOUT") as copy:
            text = [bytes(part) for part in copy]
        began = perf_counter()
        with cursor.copy("COPY bench_floor FROM STDIN") as copy:
            for part in text:
                copy.write(part)
        return perf_counter() - began


def main():
    requests.ring = lambda *_: None
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database(), tempfile.TemporaryDirectory() as scratch:
        folder = write(Path(scratch) / "dmd")
        before = memory()
        editions.begin(system="dmd", folder=folder, name="invented", released_on=date(2026, 1, 1))
        edition, took = take_in()
        grown = memory() - before
        least = floor()
        rows = edition.read["rows"]
        Edition.objects.filter(pk=edition.pk).update(state=Edition.State.READY)
        began = perf_counter()
        alone = facts.formulary()
        without = perf_counter() - began
        with database.without_triggers() as cursor:
            cursor.execute("ALTER TABLE drugs_edition DROP CONSTRAINT edition_in_force_by_somebody")
            cursor.execute("UPDATE drugs_edition SET state = 'in_force'")
        began = perf_counter()
        content = facts.formulary()
        with_it = perf_counter() - began
        sizes = [len(msgspec.json.encode(each)) / 2**20 for each in (alone, content)]
        began = perf_counter()
        book = RuleBook.from_json({"number": 1, "rules": {}, **content})
        built = perf_counter() - began
        count = EditionProduct.objects.count()
    print(f"{rows:,} rows, {count:,} products; {grown:.0f} MiB more memory")
    print(f"{rows / took:,.0f} rows a second")
    print(f"the book: {sizes[0]:.1f} MiB without it, {sizes[1]:.1f} MiB with it")
    print(
        f"{len(book.products):,} products in it, {len(book.without_a_rule['dmd']):,} without a"
        f" rule; built in {built * 1000:.0f} ms; formulary {without * 1000:.0f} ms without the"
        f" release, {with_it * 1000:.0f} ms with it"
    )
    print(f"COPY into an equal table: {least * 1000:.0f} ms")
    print(f"release of dm+d, read in: {took * 1000:.0f} ms, ratio {took / least:.1f}")


if __name__ == "__main__":
    main()
