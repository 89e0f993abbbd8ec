"""Two of a kind at once: DUP-01 two benzodiazepines, DUP-02 a benzodiazepine and a Z-drug."""

from itertools import combinations

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, Z_DRUG
from reviews.rules.exposure import pieces
from reviews.rules.naming import key_of, names
from reviews.rules.opioids import cannot_compare, together_facts, together_sentence, unknown_ends
from reviews.rules.parameters import DAYS, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import DUPLICATE, QUEUED, S2, rule
from reviews.rules.view import View

ANTISEIZURE = frozenset({"clonazepam", "clobazam"})


@rule(
    "DUP-01",
    family="Dose and duplication",
    title="Two benzodiazepines",
    theme=DUPLICATE,
    severity=S2,
    shown=QUEUED,
    sources=("stopp-v3-a3", "herings-1995", "cross-taper-28"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("cross_taper_max_days", DAYS, "Cross-taper, at most", 28),
    ),
    idle=True,
)
def two_benzodiazepines(view: View, limit: dict):
    """DUP-01. Two different benzodiazepines, both for regular use, are in hand together on 7 days
    or more. As-needed and rescue medicines do not count, nor a cross-taper of at most 28 days: one
    run of shared days in which the earlier medicine's supply ends first, and its dose has come down
    or the later one is recorded as a cross-taper."""
    by_drug: dict[str, list] = {}
    for use in view.uses:
        if use.mask & BENZODIAZEPINE and not use.line.as_needed:
            by_drug.setdefault(use.drug.key, []).append(use)
    if len(by_drug) < 2:
        return
    pairs, unsure = [], []
    for a, b in combinations(sorted(by_drug), 2):
        if "epilepsy_adjunct" in view.exemptions and {a, b} <= ANTISEIZURE:
            continue
        found = view.in_hand.together(by_drug[a], by_drug[b], limit["overlap_from_days"])
        if found is UNSURE:
            unsure += by_drug[a] + by_drug[b]
        elif found is not None and not _cross_taper(view, found, limit["cross_taper_max_days"]):
            pairs.append(found)
    if not pairs:
        if unsure:
            cannot_compare(view, "DUP-01", [])
        return
    found = max(pairs, key=lambda pair: (pair.days, pair.line_ids))
    drugs = names([span for pair in pairs for span in (*pair.a, *pair.b)])
    keys = key_of([span for pair in pairs for span in (*pair.a, *pair.b)])
    view.add(
        "DUP-01",
        2,
        key=f"DUP-01:{keys}",
        line_ids=tuple(sorted({i for pair in pairs for i in pair.line_ids})),
        title=f"{words.sentence_case(words.listed(drugs))} together",
        sentence=(
            f"{together_sentence(found)}. Both are benzodiazepines for regular use and act in the "
            "same way; one is usually enough, and the other is tapered."
        ),
        facts=together_facts(found),
        clears=(
            "One of the two is tapered off, or the overlap is a cross-taper of "
            f"{limit['cross_taper_max_days']} days or fewer."
        ),
        unknown=unknown_ends(found),
    )


def _cross_taper(view, found, max_days) -> bool:
    """The earlier medicine runs out first, and came down within the shared days or the later one
    is recorded as a cross-taper."""
    if found.end - found.start + 1 > max_days or not found.sure:
        return False
    spans = [
        span
        for episode in view.current
        if episode.start <= found.start <= episode.end
        for span in episode.spans
    ]
    keys = found.a[0].use.drug.key, found.b[0].use.drug.key
    mine = [[span for span in spans if span.use.drug.key == key] for key in keys]
    if not all(mine):
        return False  # the end of one of them is not known
    earlier, later = sorted(mine, key=lambda own: min(span.start for span in own))
    if min(span.start for span in earlier) == min(span.start for span in later):
        return False
    if max(span.end for span in earlier) >= max(span.end for span in later):
        return False
    if any(span.use.line.change_reason == "cross_taper" for span in later):
        return True
    doses = [
        (piece.start, piece.mg)
        for span in earlier
        for piece in pieces(span)
        if piece.mg is not None
    ]
    before = [mg for start, mg in doses if start < found.start]
    during = [mg for start, mg in doses if start >= found.start]
    return bool(before and during) and max(during) < max(before)


@rule(
    "DUP-02",
    family="Dose and duplication",
    title="Benzodiazepine with a Z-drug",
    theme=DUPLICATE,
    severity=S2,
    shown=QUEUED,
    sources=("texas-due-2020",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    idle=True,
)
def benzodiazepine_and_z_drug(view: View, limit: dict):
    """DUP-02. A benzodiazepine and a Z-drug are in hand together on 7 days or more."""
    held = 0
    for use in view.uses:
        held |= use.mask
    if not (held & BENZODIAZEPINE and held & Z_DRUG):
        return
    found = view.in_hand.together(
        view.in_hand.sedatives(BENZODIAZEPINE),
        view.in_hand.sedatives(Z_DRUG),
        limit["overlap_from_days"],
    )
    if found is None:
        return
    if found is UNSURE:
        cannot_compare(view, "DUP-02", [])
        return
    view.add(
        "DUP-02",
        2,
        key=f"DUP-02:{key_of([*found.a, *found.b])}",
        line_ids=found.line_ids,
        title=f"{words.sentence_case(words.listed(names([*found.a, *found.b])))} together",
        sentence=(
            f"{together_sentence(found)}. Both act at the same receptor, and their effects add up."
        ),
        facts=together_facts(found),
        clears="One of the two is tapered off, or a decision records why both are needed.",
        unknown=unknown_ends(found),
    )
