"""A dm+d release of 100,000 rows, read in by its job, and the rule book that it makes.

    ./dev bench release
    RELEASE_PRODUCTS=60000 ./dev bench release

A product of this file is four rows: what is prescribed, its ingredient, its form, what is sold. The
floor is COPY of the products that come of it, in COPY's own text, into an empty table with the same
columns and indexes. A release of a tenth of the rows is read in before, so that the memory which
the whole one takes more is what grows with the rows. Only then comes the formulary of the portal,
and the release is put in force beside it: what a rule book makes of both is measured. Names and
codes are invented.
"""

import os
import resource
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import msgspec
from django.core.management import call_command
from django.db import connection

from benchmarks import ground
from drugs import facts
from drugs.models import Edition
from reviews import jobs, requests, walls
from reviews.models import Job, Role
from reviews.rules.book import RuleBook
from reviews.tasks import KINDS
from reviews.verbs import editions
from tests import database, make, releases

PRODUCTS = int(os.environ.get("RELEASE_PRODUCTS", "30000"))
MOST_GROWN_MIB = 24
"""Ten times the rows may take this much more: what a slice holds, and what is kept by name."""
SUBSTANCES = list(releases.SUBSTANCES)


def code(kind, number):
    return f"{kind}{number:08d}"


def write(folder, products):
    """The files of a release, whose products hold one of five substances in turn."""
    vmps, vpis, amps, forms = [], [], [], []
    for number in range(products):
        own = code(8, number)
        vmps.append(releases.vmp(own, f"Product {number} 5mg tablets"))
        vpis.append(releases.vpi(own, SUBSTANCES[number % len(SUBSTANCES)], "5"))
        forms.append(releases.tagged("DFORM", VPID=own, FORMCD=releases.TABLET))
        amps.append(
            releases.tagged("AMP", APID=code(9, number), VPID=own, NM=f"Brand {number} tablets")
        )
    return releases.dmd(folder, vmps=vmps, vpis=vpis, forms=forms, amps=amps)


def apart(work):
    """Do something in a process of its own: what it needs is not to count as memory of this one."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("The files of the releases could not be written.")


def memory():
    """The most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def take_in(folder, products):
    """Read a release in; the edition, and how many seconds it took."""
    name = f"{products} products"
    editions.begin(system="dmd", folder=folder, name=name, released_on=date(2026, 1, 1))
    began = perf_counter()
    while Job.objects.unfinished().exists():
        jobs.work(KINDS, seconds=5)
    took = perf_counter() - began
    edition = Edition.objects.latest("pk")
    if edition.state != Edition.State.READY or edition.read["products"] < 2 * products:
        sys.exit(f"It was not read: {edition.state} {edition.read} {edition.refused}")
    return edition, took


def floor(edition):
    rows = f"SELECT * FROM drugs_editionproduct WHERE edition_id = {edition.pk}"
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute("CREATE TABLE bench_floor (LIKE drugs_editionproduct INCLUDING ALL)")
        with cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
            text = [bytes(part) for part in copy]
        began = perf_counter()
        with cursor.copy("COPY bench_floor FROM STDIN") as copy:
            for part in text:
                copy.write(part)
        return perf_counter() - began


def timed(work):
    """What something gave, and how many seconds it took."""
    began = perf_counter()
    made = work()
    return made, perf_counter() - began


def main():
    requests.ring = lambda *_: None
    walls.by_default(walls.EVERYTHING)
    few = max(1, PRODUCTS // 10)
    with tempfile.TemporaryDirectory() as scratch, ground.empty_database():
        folders = [Path(scratch) / str(size) for size in (few, PRODUCTS)]
        apart(lambda: [write(folder, int(folder.name)) for folder in folders])
        take_in(folders[0], few)
        before = memory()
        edition, took = take_in(folders[1], PRODUCTS)
        grown = memory() - before
        least = floor(edition)
        rows, count = edition.read["rows"], edition.products.count()
        call_command("load_formulary", verbosity=0)
        alone, without = timed(facts.formulary)
        ada = make.person("ada", make.practice(), Role.FORMULARY_ADMIN)
        editions.put_in_force(edition=edition, next_review=make.day(90), by=ada)
        content, with_it = timed(facts.formulary)
    book, built = timed(lambda: RuleBook.from_json({"number": 1, "rules": {}, **content}))
    sizes = [len(msgspec.json.encode(each)) / 2**20 for each in (alone, content)]
    in_book = sum(key.startswith("dmd:") for key in book.products)
    no_rule = len(book.without_a_rule.get("dmd", ()))
    if not in_book or not no_rule:
        sys.exit("The formulary knows nothing of the release.")
    print(
        f"{rows:,} rows, {count:,} products; {grown:.0f} MiB more memory than for a tenth of them"
    )
    print(f"{rows / took:,.0f} rows a second")
    print(f"the book: {sizes[0]:.1f} MiB without it, {sizes[1]:.1f} MiB with it")
    print(
        f"{in_book:,} of its products in the book, {no_rule:,} without a rule; built in"
        f" {built * 1000:.0f} ms; formulary {without * 1000:.0f} ms without the release,"
        f" {with_it * 1000:.0f} ms with it"
    )
    print(f"COPY into an equal table: {least * 1000:.0f} ms")
    print(f"release of dm+d, read in: {took * 1000:.0f} ms, ratio {took / least:.1f}")
    if grown > MOST_GROWN_MIB:
        sys.exit(f"Memory is not flat: it grew by {grown:.0f} MiB, not {MOST_GROWN_MIB}.")


if __name__ == "__main__":
    main()
