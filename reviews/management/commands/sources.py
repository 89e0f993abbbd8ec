"""`sources`: what is read from each source, as the page docs/sources.md."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from reviews.fhir.read.elements import ELEMENTS
from reviews.fields import PRESCRIPTION, Kind

HEAD = """# What is read from each source

Made from the code by `./dev manage sources`; a test holds it. What a source says and this page does
not name is not read. What is named and cannot be used is left out by itself, never the medicine
with it, and stands as a note on the person's page, in their case, and in the API (`notes`). For a
medicine that was refused as a whole the person is *checked in part*, never clear.

## A prescription by form, REST and FHIR

How they are sent is in [api.md](api.md). Where FHIR has no element there is an extension.
"""
FHIR = """
## FHIR

R4 and R4B, and of STU3 and R5 what is named. A file is a Bundle of any type that carries resources,
bulk NDJSON, or one resource; the files of one command are one set. A null says nothing, a number in
quotes is that number, and 14.0 is 14.
"""
HOLDS = {Kind.CODE: "a code", Kind.UNIT: "a unit"}


class Command(BaseCommand):
    help = "Print what is read from each source, as docs/sources.md."

    def handle(self, **options: Any) -> None:
        self.stdout.write(page(), ending="")


def page() -> str:
    parts = [HEAD, *_table(("field", "holds", "in", "form", "FHIR"), _fields()), FHIR]
    for name, elements in ELEMENTS.items():
        parts += [f"\n### {name}\n", *_table(("element", "read as"), elements.items())]
    return "\n".join(parts) + "\n"


def _fields() -> Iterable[tuple[str, ...]]:
    for field in PRESCRIPTION:
        yield (
            f"`{field.name}`",
            HOLDS.get(field.kind, field.kind.value.partition(";")[0]),
            field.unit.replace("_", " "),
            "yes" if field.form else "",
            "extension" if field.extension else "",
        )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]
