"""Exposure once more, day by day: slow, plain, and sharing nothing with the core.

A supply is (drug, start, days, mg a day): whole days on one calendar, all details known. Every
answer is found by looking at single days.
"""

CARRIED_DAYS = 15
GAP_DAYS = 14


def covered_days(supplies):
    """For each supply the set of days it covers, early refills of a drug moved behind its stock,
    and issues of one day and dose behind one another."""
    found = {}
    for drug in sorted({row[0] for row in supplies}):
        mine = [n for n, row in enumerate(supplies) if row[0] == drug]
        mine.sort(key=lambda n: (supplies[n][1], supplies[n][2], n))
        for n in mine:
            _, start, days, _ = supplies[n]
            earlier = [day for m in mine if supplies[m][1] < start for day in found.get(m, ())]
            alike = [m for m in found if supplies[m][:2] == (drug, start)]
            before = [day for m in alike if supplies[m][3] == supplies[n][3] for day in found[m]]
            shift = 0
            while earlier and start + shift <= max(earlier) and shift < CARRIED_DAYS:
                shift += 1
            while before and start + shift <= max(before):
                shift += 1
            found[n] = {start + shift + day for day in range(days)}
    return found


def exposed(supplies):
    return set().union(*covered_days(supplies).values()) if supplies else set()


def episode(supplies, today):
    """The days of the first episode that a supply starting today would still join, else none."""
    for days in _episodes(exposed(supplies)):
        if today <= max(days) + GAP_DAYS + 1:
            return days
    return set()


def _episodes(days):
    found, free = [], None
    for day in range(min(days, default=0), max(days, default=-1) + 1):
        if day not in days:
            free += 1
            continue
        if free is None or free > GAP_DAYS:
            found.append(set())
        found[-1].add(day)
        free = 0
    return found


def shared_days(supplies, one, other):
    """Days on which both of two drugs were in hand."""
    cover = covered_days(supplies)
    a, b = (
        set().union(*(cover[n] for n, row in enumerate(supplies) if row[0] == drug), set())
        for drug in (one, other)
    )
    return a & b


def mg_on(supplies, drug, day):
    """The daily amount of a drug on a day: of the supplies begun last, the rest is stock."""
    cover = covered_days(supplies)
    in_hand = [row for n, row in enumerate(supplies) if row[0] == drug and day in cover[n]]
    latest = max((start for _, start, _, _ in in_hand), default=None)
    return sum(mg for _, start, _, mg in in_hand if start == latest)


def early_refills(supplies):
    """(drug, start, days left) of each issue that began while days were left before it."""
    cover = covered_days(supplies)
    found = []
    for drug in sorted({row[0] for row in supplies}):
        mine = [n for n, row in enumerate(supplies) if row[0] == drug]
        for start in sorted({supplies[n][1] for n in mine}):
            before = [day for n in mine if supplies[n][1] < start for day in cover[n]]
            left = 0
            while before and start + left <= max(before):
                left += 1
            if left:
                found.append((drug, start, left))
    return sorted(found)
