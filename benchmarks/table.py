"""The one table that a run prints, and that docs/benchmarks.md keeps."""

from dataclasses import dataclass

from django.utils import timezone

HEAD = ("Ratio", "Aim", "What", "Floor", "Measured")


@dataclass(frozen=True)
class Row:
    """`ratio` of what was measured to `floor`; `aim` is the most it should be, None if unset."""

    what: str
    ratio: float
    floor: str
    measured: str
    aim: float | None = None

    def cells(self):
        aim = "" if self.aim is None else f"at most {self.aim:g}"
        if self.aim is not None and self.ratio > self.aim:
            aim += ", missed"
        return (f"{self.ratio:.1f}", aim, self.what, self.floor, self.measured)


def plain(rows):
    """Aligned columns for a terminal."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def markdown(rows, *, patients, prescriptions, before=""):
    """The page docs/benchmarks.md: the rows, and under them what people wrote of the one `before`.

    What they wrote begins with its first heading of the second level.
    """
    _, heading, words = before.partition("\n## ")
    lines = [
        "# Benchmarks",
        "",
        "Written by `./dev bench`. Read the ratios: each compares what was measured with a floor",
        "taken in the same run on the same machine, so that it means the same elsewhere. Times are",
        "those of one run on 2 cores that also held PostgreSQL, Valkey and the benchmark itself.",
        "",
        f"{timezone.localdate():%-d %B %Y}: {patients:,} patients with {prescriptions:,} "
        "prescriptions.",
        "",
        f"| {' | '.join(HEAD)} |",
        "|---:|---|---|---|---|",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
        "",
    ]
    return "\n".join(lines) + heading + words
