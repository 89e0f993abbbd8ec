"""What happens to invented patients: for every rule some who meet it, and some who just do not.

A story is named here only; nothing of it is stored. What each one must raise, and must not raise,
stands beside it, and a test screens them all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from reviews.rules.registry import BY_ID
from reviews.seeding import tapers, worked
from reviews.seeding.life import Kind, Life
from reviews.seeding.medicines import EU, UK, US

EVERYWHERE = (UK, EU, US)
ADULT = (24, 60)
OLDER = (67, 88)

# Kinds of medicine: for each country the products in use, with the mg of one dose.
SEDATIVE = {
    UK: (("diazepam-5", 5), ("diazepam-2", 4), ("lorazepam-1", 1), ("lorazepam-0.5", 0.5)),
    EU: (("oxazepam-10", 10), ("diazepam-5", 5), ("alprazolam-0.25", 0.25)),
    US: (("lorazepam-1", 1), ("alprazolam-0.5", 0.5), ("clonazepam-0.5", 0.5)),
}
LONG_ACTING = {
    UK: (("diazepam-2", 2),),
    EU: (("diazepam-2", 2), ("clonazepam-0.5", 0.5)),
    US: (("clonazepam-0.5", 0.5), ("diazepam-2", 2)),
}
MILD = {
    UK: (("lorazepam-0.5", 0.5),),
    EU: (("oxazepam-10", 10), ("lorazepam-0.5", 0.5)),
    US: (("lorazepam-0.5", 0.5),),
}
HYPNOTIC = {
    UK: (("temazepam-10", 10), ("nitrazepam-5", 5)),
    EU: (("temazepam-10", 10), ("zolpidem-10", 10)),
    US: (("temazepam-15", 15),),
}
Z_DRUG = {
    UK: (("zopiclone-7.5", 7.5), ("zolpidem-10", 10)),
    EU: (("zopiclone-7.5", 7.5), ("zolpidem-10", 10)),
    US: (("zolpidem-5", 5),),
}
LOW_Z_DRUG = {
    UK: (("zopiclone-3.75", 3.75),),
    EU: (("zopiclone-3.75", 3.75), ("zolpidem-5", 5)),
    US: (("zolpidem-5", 5),),
}
OPIOID = {
    UK: (("morphine-10", 10), ("co-codamol", 30), ("tramadol-50", 50)),
    EU: (("tramadol-50", 50), ("co-codamol", 30)),
    US: (("hydrocodone-5", 5), ("oxycodone-5", 5)),
}
SUBSTITUTE = {
    UK: (("methadone-10", 40), ("buprenorphine-8", 8)),
    EU: (("methadone-10", 50), ("buprenorphine-8", 16)),
    US: (("buprenorphine-8", 16),),
}
GABAPENTINOID = dict.fromkeys(EVERYWHERE, (("pregabalin-75", 75), ("gabapentin-300", 300)))
OLD_SEDATIVE = {
    UK: (("phenobarbital-60", 60),),
    EU: (("phenobarbital-60", 60),),
    US: (("carisoprodol-350", 350), ("phenobarbital-60", 60)),
}
SLEEP_AID = dict.fromkeys(EVERYWHERE, (("doxylamine-25", 25),))
MELATONIN = dict.fromkeys(EVERYWHERE, (("melatonin-2", 2),))
SPASM = dict.fromkeys(EVERYWHERE, (("diazepam-5", 5), ("diazepam-2", 4)))
CYP_SENSITIVE = {
    UK: (("alprazolam-0.25", 0.25),),
    EU: (("alprazolam-0.25", 0.25),),
    US: (("alprazolam-0.5", 0.5), ("alprazolam-0.25", 0.25)),
}


Telling: TypeAlias = Callable[[Life], None]


@dataclass(frozen=True)
class Story:
    """`raises` maps a rule to its severity; `spares` are rules that must stay silent above S4.

    `quiet` stories must raise nothing at all above S4.
    """

    name: str
    tell: Telling
    profiles: tuple[str, ...] = EVERYWHERE
    ages: tuple[int, int] = ADULT
    raises: dict[str, int] = field(default_factory=dict)
    spares: frozenset[str] = frozenset()
    quiet: bool = False


STORIES: list[Story] = []
WELL_KEPT_SHARE = 0.6


def story(
    name: str,
    *,
    raises: dict[str, int] | None = None,
    spares: Iterable[str] = (),
    quiet: bool = False,
    profiles: tuple[str, ...] = EVERYWHERE,
    ages: tuple[int, int] = ADULT,
) -> Callable[[Telling], Telling]:
    """Keep the decorated function as a story."""

    def keep(tell: Telling) -> Telling:
        STORIES.append(
            Story(
                name=name,
                tell=tell,
                profiles=profiles,
                ages=ages,
                raises=raises or {},
                spares=frozenset(spares),
                quiet=quiet,
            )
        )
        return tell

    return keep


def tell(life: Life, told: Story) -> None:
    """Tell a story. Where nothing is amiss the record is well kept; elsewhere it often is."""
    told.tell(life)
    if life.kept and (told.quiet or life.rng.random() < WELL_KEPT_SHARE):
        life.well_kept()


def take(life: Life, kind: Kind, **order: Any) -> None:
    """Issue what this person has of a kind, at its usual dose."""
    key, mg = life.usual(kind)
    life.issue(key, mg=mg, **order)


def follow(life: Life, kind: Kind, total: int, **order: Any) -> None:
    """A current course of exactly `total` days of what this person has of a kind."""
    key, mg = life.usual(kind)
    life.course(key, mg=mg, total=total, **order)


def go_on(life: Life, kind: Kind, **order: Any) -> None:
    """Supplies without a gap of what this person has of a kind."""
    key, mg = life.usual(kind)
    life.repeat(key, mg=mg, **order)


# -- How long ------------------------------------------------------------------------------------

# Rule, indication, medicine, profiles, the days allowed, the severity on that day (None: nothing
# above S4) and one day later.
LIMITS = (
    ("DUR-01", "anxiety", SEDATIVE, (UK,), 28, None, 2),
    ("DUR-01", "panic_disorder", SEDATIVE, (EU,), 56, None, 3),
    ("DUR-01", "anxiety", SEDATIVE, (EU,), 84, 3, 2),
    ("DUR-01", "anxiety", SEDATIVE, (US,), 60, None, 3),
    ("DUR-01", "unknown", SEDATIVE, (UK,), 28, None, 2),
    ("DUR-02", "insomnia", Z_DRUG, (UK, EU), 14, None, 3),
    ("DUR-02", "insomnia", HYPNOTIC, (UK, EU), 28, 3, 2),
    ("DUR-02", "insomnia", HYPNOTIC, (US,), 28, None, 3),
    ("DUR-03", "muscle_spasm_acute", SPASM, EVERYWHERE, 14, None, 3),
    ("DUR-03", "muscle_spasm_acute", SPASM, EVERYWHERE, 28, 3, 2),
    ("DUR-04", "anxiety", SEDATIVE, EVERYWHERE, 120, None, 2),
)
PROBLEM = {
    "anxiety": "Generalised anxiety disorder",
    "panic_disorder": "Panic disorder",
    "insomnia": "Insomnia",
}


def _course(life: Life, kind: Kind, total: int, indication: str) -> None:
    if indication in PROBLEM:
        life.has(PROBLEM[indication], since_years=total / 365 + life.rng.random())
    follow(life, kind, total, indication=indication)


def _limits() -> Iterator[Story]:
    for rule, indication, kind, profiles, days, on_the_day, a_day_later in LIMITS:
        where = f"{rule} in {'/'.join(profiles)} for {indication}"
        yield Story(
            name=f"{where}: day {days}, the last one allowed",
            tell=partial(_course, kind=kind, total=days, indication=indication),
            profiles=profiles,
            raises={rule: on_the_day} if on_the_day else {},
            spares=frozenset() if on_the_day else frozenset({rule}),
        )
        yield Story(
            name=f"{where}: day {days + 1}",
            tell=partial(_course, kind=kind, total=days + 1, indication=indication),
            profiles=profiles,
            raises={rule: a_day_later},
        )


STORIES.extend(_limits())


@story("a gap of 14 days joins two courses", raises={"DUR-01": 2}, profiles=(UK,))
def gap_of_14_days(life: Life) -> None:
    take(life, SEDATIVE, day=-38, days=14, indication="anxiety")
    take(life, SEDATIVE, day=-10, days=15, indication="anxiety")


@story("a gap of 15 days parts two courses", spares={"DUR-01"}, profiles=(UK,))
def gap_of_15_days(life: Life) -> None:
    take(life, SEDATIVE, day=-39, days=14, indication="anxiety")
    take(life, SEDATIVE, day=-10, days=15, indication="anxiety")


@story("a refill a week early adds its days at the end", raises={"DUR-01": 2}, profiles=(UK,))
def early_refill(life: Life) -> None:
    take(life, SEDATIVE, day=-20, days=14, indication="anxiety")
    take(life, SEDATIVE, day=-13, days=15, indication="anxiety")


@story("a switch does not restart the clock", raises={"DUR-02": 2}, profiles=(UK, EU))
def switch(life: Life) -> None:
    life.has("Insomnia")
    take(life, HYPNOTIC, day=-24, days=14, indication="insomnia")
    take(life, Z_DRUG, day=-10, days=15, indication="insomnia")


@story("for years, month by month", raises={"DUR-04": 2})
def for_years(life: Life) -> None:
    life.has("Generalised anxiety disorder", since_years=3)
    follow(life, SEDATIVE, life.rng.randint(190, 420), indication="anxiety")


@story("repeats with early and late issues", raises={"DUR-04": 2})
def uneven_repeats(life: Life) -> None:
    key, mg = life.usual(SEDATIVE)
    life.has("Panic disorder", since_years=2)
    day = -life.rng.randint(170, 300)
    while day <= 0:
        life.issue(key, mg=mg, day=day, days=28, indication="panic_disorder", supply="days")
        day += 28 + life.rng.randint(-5, 6)


@story("a slow taper after a long course", raises={"DUR-04": 2})
def taper(life: Life) -> None:
    life.has("Generalised anxiety disorder", since_years=2)
    steps = (10, 10, 9, 8, 7, 6, 5, 4)
    day = 6 - 28 * len(steps)
    for mg in steps:
        life.issue("diazepam-2", mg=mg, day=day, days=28, indication="anxiety", supply="days")
        day += 28


story("a planned taper, on track", raises={"DUR-04": 2}, spares={"TAP-01"})(tapers.on_track)
story("a planned taper, supplied faster than planned", raises={"DUR-04": 2, "TAP-01": 2})(
    tapers.faster_than_planned
)


@story("added on: epilepsy, no exemption on record", raises={"DUR-04": 2}, profiles=(UK, EU))
def epilepsy(life: Life) -> None:
    life.has("Epilepsy", since_years=8)
    life.course("clobazam-10", mg=10, total=200, indication="epilepsy_adjunct")


# -- Older people --------------------------------------------------------------------------------


@story("ELD-01: started on the 65th birthday", raises={"ELD-01": 3}, ages=OLDER)
def started_at_65(life: Life) -> None:
    life.turns(65, on=-3, or_before=True)
    take(life, MILD, day=-3, days=7, indication="anxiety")


@story("ELD-01: started the day before the 65th birthday", spares={"ELD-01"}, ages=OLDER)
def started_at_64(life: Life) -> None:
    life.turns(65, on=-2)
    take(life, MILD, day=-3, days=7, indication="anxiety")


@story("ELD-01: none for 180 days", raises={"ELD-01": 3}, ages=OLDER)
def new_again(life: Life) -> None:
    take(life, MILD, day=-3 - 180 - 7, days=7, indication="anxiety")
    take(life, MILD, day=-3, days=7, indication="anxiety")


@story("ELD-01: none for 179 days", spares={"ELD-01"}, ages=OLDER)
def not_quite_new(life: Life) -> None:
    take(life, MILD, day=-3 - 179 - 7, days=7, indication="anxiety")
    take(life, MILD, day=-3, days=7, indication="anxiety")


@story("ELD-02: long-acting at 65 and over", raises={"ELD-02": 2}, ages=OLDER)
def long_acting(life: Life) -> None:
    take(life, LONG_ACTING, day=-5, days=10, indication="anxiety")


@story("ELD-02: shorter-acting instead", spares={"ELD-02"}, ages=OLDER)
def not_long_acting(life: Life) -> None:
    take(life, MILD, day=-5, days=10, indication="anxiety")


@story("ELD-04: day 28 at 65 and over", raises={"ELD-04": 2}, ages=OLDER)
def older_28_days(life: Life) -> None:
    follow(life, MILD, 28, indication="anxiety")


@story("ELD-04: day 27 at 65 and over", spares={"ELD-04"}, ages=OLDER)
def older_27_days(life: Life) -> None:
    follow(life, MILD, 27, indication="anxiety")


@story("ELD-06: day 14 for sleep at 65 and over", raises={"ELD-06": 2}, ages=OLDER)
def older_14_nights(life: Life) -> None:
    life.has("Insomnia")
    follow(life, LOW_Z_DRUG, 14, indication="insomnia")


@story("ELD-06: day 13 for sleep at 65 and over", spares={"ELD-06"}, ages=OLDER)
def older_13_nights(life: Life) -> None:
    life.has("Insomnia")
    follow(life, LOW_Z_DRUG, 13, indication="insomnia")


@story("older, two sedatives and an opioid", raises={"OPI-01": 1, "DUP-02": 2}, ages=OLDER)
def older_and_everything(life: Life) -> None:
    life.has("Chronic pain")
    life.has("Osteoarthritis")
    life.has("Insomnia")
    go_on(
        life,
        LONG_ACTING,
        times=2,
        start=-130,
        lengths=[28] * 5,
        indication="anxiety",
        supply="days",
    )
    take(life, LOW_Z_DRUG, day=-40, days=28, indication="insomnia")
    take(life, LOW_Z_DRUG, day=-12, days=28, indication="insomnia")
    take(life, OPIOID, day=-4, days=28, times=2, indication="pain", outside=True)


# -- Together ------------------------------------------------------------------------------------


@story("OPI-01: an opioid on the last day of a sedative", raises={"OPI-01": 1})
def opioid_begins(life: Life) -> None:
    life.has("Chronic pain")
    take(life, SEDATIVE, day=-11, days=12, indication="anxiety")
    take(life, OPIOID, day=0, days=7, times=2, indication="pain", outside=True)


@story("OPI-01: an opioid the day after a sedative", spares={"OPI-01"})
def opioid_after(life: Life) -> None:
    take(life, SEDATIVE, day=-12, days=12, indication="anxiety")
    take(life, OPIOID, day=0, days=7, times=2, indication="pain")


@story("OPI-01: together for months", raises={"OPI-01": 2})
def opioid_goes_on(life: Life) -> None:
    life.has("Chronic pain", since_years=4)
    go_on(life, OPIOID, times=2, start=-140, lengths=[28] * 6, indication="pain")
    go_on(life, SEDATIVE, start=-100, lengths=[28] * 4, indication="anxiety")


@story("OPI-02: a sedative during substitution", raises={"OPI-02": 1})
def substitution(life: Life) -> None:
    life.has("Opioid dependence", since_years=5)
    go_on(life, SUBSTITUTE, start=-56, lengths=[28] * 3, indication="opioid_dependence")
    take(life, SEDATIVE, day=-2, days=7, indication="anxiety")


@story("OPI-02: a sedative the day after substitution ended", spares={"OPI-02"})
def substitution_ended(life: Life) -> None:
    life.has("Opioid dependence", since_years=5, ended=-3)
    go_on(life, SUBSTITUTE, start=-2 - 56, lengths=[28] * 2, indication="opioid_dependence")
    take(life, SEDATIVE, day=-2, days=7, indication="anxiety")


@story("GAB-01: one day with a gabapentinoid", raises={"GAB-01": 2})
def gabapentinoid(life: Life) -> None:
    take(life, GABAPENTINOID, day=-27, days=28, times=2, indication="other")
    take(life, SEDATIVE, day=0, days=7, indication="anxiety")


@story("GAB-01: a gabapentinoid that ended the day before", spares={"GAB-01"})
def gabapentinoid_ended(life: Life) -> None:
    take(life, GABAPENTINOID, day=-28, days=28, times=2, indication="other")
    take(life, SEDATIVE, day=0, days=7, indication="anxiety")


@story("GAB-01: a gabapentinoid at 65 and over", raises={"GAB-01": 1}, ages=OLDER)
def gabapentinoid_older(life: Life) -> None:
    life.has("Chronic pain")
    take(life, GABAPENTINOID, day=-27, days=56, times=2, indication="other")
    take(life, MILD, day=-4, days=7, indication="anxiety")


@story("CNS-01: one day with an older sedative", raises={"CNS-01": 1})
def older_sedative(life: Life) -> None:
    take(life, OLD_SEDATIVE, day=-27, days=28, indication="other")
    take(life, SEDATIVE, day=0, days=7, indication="anxiety")


@story("CNS-01: an older sedative that ended the day before", spares={"CNS-01"})
def older_sedative_ended(life: Life) -> None:
    take(life, OLD_SEDATIVE, day=-28, days=28, indication="other")
    take(life, SEDATIVE, day=0, days=7, indication="anxiety")


@story("CNS-02: 7 nights with another sleep aid", raises={"CNS-02": 2})
def sleep_aid(life: Life) -> None:
    take(life, SLEEP_AID, day=-21, days=28, indication="insomnia")
    take(life, Z_DRUG, day=-2, days=7, indication="insomnia")


@story("CNS-02: 6 nights with another sleep aid", spares={"CNS-02"})
def sleep_aid_6_nights(life: Life) -> None:
    take(life, SLEEP_AID, day=-21, days=28, indication="insomnia")
    take(life, Z_DRUG, day=-2, days=6, indication="insomnia")


@story("CNS-02: 7 nights with melatonin", raises={"CNS-02": 3})
def melatonin(life: Life) -> None:
    take(life, MELATONIN, day=-21, days=28, indication="insomnia")
    take(life, Z_DRUG, day=-2, days=7, indication="insomnia")


@story("CYP-01: an antibiotic that raises alprazolam", raises={"CYP-01": 2})
def strong_inhibitor(life: Life) -> None:
    take(life, CYP_SENSITIVE, day=-9, days=10, times=2, indication="panic_disorder")
    life.issue("clarithromycin-500", mg=500, times=2, day=0, days=7, indication="other")


@story("CYP-01: the antibiotic begins a day later", spares={"CYP-01"})
def strong_inhibitor_after(life: Life) -> None:
    take(life, CYP_SENSITIVE, day=-10, days=10, times=2, indication="panic_disorder")
    life.issue("clarithromycin-500", mg=500, times=2, day=0, days=7, indication="other")


@story("CYP-01: alprazolam with itraconazole", raises={"CYP-01": 1})
def labelled_contraindication(life: Life) -> None:
    take(life, CYP_SENSITIVE, day=-9, days=14, times=2, indication="panic_disorder")
    life.issue("itraconazole-100", mg=100, times=2, day=-1, days=14, indication="other")


@story("CYP-01: lorazepam does not depend on that enzyme", spares={"CYP-01"})
def never_with_lorazepam(life: Life) -> None:
    life.issue("lorazepam-1", mg=1, day=-9, days=14, indication="anxiety")
    life.issue("clarithromycin-500", mg=500, times=2, day=0, days=7, indication="other")


@story("DUP-01: two benzodiazepines for 7 days", raises={"DUP-01": 2})
def two_benzodiazepines(life: Life) -> None:
    life.issue("diazepam-2", mg=2, times=2, day=-10, days=25, indication="anxiety")
    life.issue("lorazepam-0.5", mg=0.5, day=-3, days=7, indication="anxiety")


@story("DUP-01: two benzodiazepines for 6 days", spares={"DUP-01"})
def two_benzodiazepines_6_days(life: Life) -> None:
    life.issue("diazepam-2", mg=2, times=2, day=-10, days=25, indication="anxiety")
    life.issue("lorazepam-0.5", mg=0.5, day=-3, days=6, indication="anxiety")


@story("DUP-02: a benzodiazepine and a Z-drug for 7 days", raises={"DUP-02": 2})
def two_hypnotics(life: Life) -> None:
    life.issue("temazepam-10", mg=10, day=-10, days=14, indication="insomnia")
    take(life, Z_DRUG, day=-3, days=7, indication="insomnia")


@story("DUP-02: a benzodiazepine and a Z-drug for 6 days", spares={"DUP-02"})
def two_hypnotics_6_days(life: Life) -> None:
    life.issue("temazepam-10", mg=10, day=-10, days=14, indication="insomnia")
    take(life, Z_DRUG, day=-3, days=6, indication="insomnia")


# -- What the record does not say ----------------------------------------------------------------


@story("DQ-01: neither quantity nor days", raises={"DQ-01": 3})
def no_supply(life: Life) -> None:
    take(life, SEDATIVE, day=-9, days=14, indication="anxiety", supply="none", outside=True)


@story("DQ-01: 121 days in one supply", raises={"DQ-01": 3})
def too_long_a_supply(life: Life) -> None:
    take(life, SEDATIVE, day=-9, days=121, indication="anxiety", supply="days")


@story("DQ-01: 120 days in one supply", spares={"DQ-01"})
def a_long_supply(life: Life) -> None:
    take(life, SEDATIVE, day=-9, days=120, indication="anxiety", supply="days")


@story("DQ-03: a product no list knows, beside a sedative", raises={"DQ-03": 2})
def not_recognised(life: Life) -> None:
    life.issue("unheard-of", mg=10, times=2, day=-6, days=28, indication="other", outside=True)
    take(life, SEDATIVE, day=-6, days=7, indication="anxiety")


@story("DQ-03: known by its brand, without a code", spares={"DQ-01", "DQ-03"}, quiet=True)
def by_brand(life: Life) -> None:
    life.issue("valium-5", mg=5, day=-6, days=14, indication="anxiety")


# -- Used as it should be ------------------------------------------------------------------------


@story("a week, for an acute crisis", quiet=True)
def short_course(life: Life) -> None:
    take(life, SEDATIVE, day=-life.rng.randint(1, 6), days=7, indication="anxiety_crisis")


@story("a week of sleep", quiet=True)
def short_nights(life: Life) -> None:
    life.has("Insomnia", since_years=0.1)
    take(life, Z_DRUG, day=-life.rng.randint(1, 6), days=7, indication="insomnia")


@story("a course that ended months ago", quiet=True)
def long_over(life: Life) -> None:
    take(life, SEDATIVE, day=-life.rng.randint(90, 700), days=14, indication="anxiety")


@story("as needed, with what the prescriber expects", quiet=True)
def as_needed(life: Life) -> None:
    take(
        life,
        SEDATIVE,
        day=-8,
        days=7,
        times=2,
        indication="anxiety",
        as_needed=True,
        expected_mg=life.usual(SEDATIVE)[1],
    )


@story("stopped early, in good time", quiet=True)
def stopped(life: Life) -> None:
    take(life, SEDATIVE, day=-60, days=28, indication="anxiety", stopped_on=-50)


@story("rescue medicine at hand", quiet=True, profiles=(UK, EU))
def rescue(life: Life) -> None:
    life.has("Epilepsy", since_years=6)
    life.issue(
        "midazolam-buccal",
        mg=10,
        day=-100,
        days=4,
        indication="seizure_rescue",
        as_needed=True,
        route="buccal",
    )


@story("an opioid and nothing beside it", quiet=True)
def opioid_alone(life: Life) -> None:
    life.has("Chronic pain")
    take(life, OPIOID, day=-20, days=28, times=2, indication="pain")


@story("a gabapentinoid and nothing beside it", quiet=True)
def gabapentinoid_alone(life: Life) -> None:
    take(life, GABAPENTINOID, day=-20, days=28, times=2, indication="other")


@story("a sedative years ago, an opioid now", quiet=True)
def years_apart(life: Life) -> None:
    take(life, SEDATIVE, day=-800, days=14, indication="anxiety")
    take(life, OPIOID, day=-5, days=14, times=2, indication="pain")


QUIET = tuple(told for told in STORIES if told.quiet)

# -- Every other rule ----------------------------------------------------------------------------

TOLD_ABOVE = {rule for told in STORIES for rule in (*told.raises, *told.spares)}
# Rules that came later: their stories take turns after all others, which keep their people.
LATER = {"DQ-04"}
STORIES.extend(worked.stories(TOLD_ABOVE | LATER, Story))
TOLD_LATER = tuple(worked.stories(BY_ID.keys() - LATER, Story))
