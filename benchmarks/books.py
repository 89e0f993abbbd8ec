"""Two rule books compared, fact by fact, beside reading both from their text.

    ./dev bench diff

The second book differs in the thresholds of one rule and in one fact of each drug. The floor is
what nobody who compares two books can leave out: decoding the JSON of both.
"""

import copy
import json
import sys
from time import perf_counter

from benchmarks import ground
from reviews import rulebooks, walls
from reviews.models import RuleVersion
from reviews.queries import rule_books

ROUNDS = 7


def another(book):
    """A book that differs from this one throughout; nothing of it is published."""
    changed = copy.deepcopy(book)
    for limits in changed["rules"]["DUR-01"].values():
        for name in limits:
            limits[name] += 1
    for drug in changed["drugs"].values():
        drug["changed"] = True
    return changed


def best(work):
    """The shortest of several rounds, in seconds, and what the last one gave."""
    took, made = [], None
    for _ in range(ROUNDS):
        began = perf_counter()
        made = work()
        took.append(perf_counter() - began)
    return min(took), made


def main():
    walls.by_default(walls.EVERYTHING)
    with ground.own_database():
        old = RuleVersion.objects.get(pk=rulebooks.live()[0])
        new = RuleVersion(number=old.number + 1, book=another(old.book))
        texts = [json.dumps(each.book) for each in (old, new)]
        least, _ = best(lambda: [json.loads(text) for text in texts])
        took, found = best(lambda: rule_books.compared(old, new))
    drugs = len(old.book["drugs"])
    if found.total < drugs:
        sys.exit(f"Only {found.total} of at least {drugs} differences were found.")
    print(f"Decode both books: {least * 1000:.0f} ms")
    print(
        f"two books compared, {found.total} facts differ: {took * 1000:.0f} ms,"
        f" ratio {took / least:.1f}"
    )


if __name__ == "__main__":
    main()
