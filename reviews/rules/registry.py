"""The rules that exist, in the order in which they are asked.

The order matters once: DUR-04 asks what the co-prescription rules found, and takes the place of the
other duration rules, so it stands between them.
"""

from collections.abc import Callable
from typing import NamedTuple

from reviews.rules import duplicates, duration, elderly, interactions, opioids, quality, sedatives

BREATHING = "Breathing and sedation"
LENGTH = "Length of treatment"
DUPLICATE = "More than one sedative"
OLDER = "Older patient"
METABOLISM = "Metabolism"
UNJUDGED = "Could not be judged"
THEMES = (BREATHING, LENGTH, DUPLICATE, METABOLISM, OLDER, UNJUDGED)


class Rule(NamedTuple):
    """A rule as the catalogue shows it; its trigger is the docstring of `check`."""

    id: str
    family: str
    title: str
    theme: str
    severity: str
    mode: str
    sources: tuple[str, ...]
    check: Callable

    @property
    def trigger(self) -> str:
        """The trigger in a clinician's words, without the line breaks of the source."""
        return " ".join(self.check.__doc__.split()).removeprefix(f"{self.id}. ")


RULES: tuple[Rule, ...] = (
    Rule(
        "OPI-01",
        "Co-prescription",
        "Opioid with a benzodiazepine or Z-drug",
        BREATHING,
        "S1 at the start, S2 continuing; S2 or S3 for cough preparations; S4 procedural",
        "Interrupts at the start; queue while it continues",
        ("fda-opioid-2016", "mhra-opioid-2020", "cdc-2022-11", "beers-2023-t5", "start-28"),
        opioids.pain_relief,
    ),
    Rule(
        "OPI-02",
        "Co-prescription",
        "Opioid substitution with a benzodiazepine or Z-drug",
        BREATHING,
        "S1 at the start or a dose rise of either, S2 continuing",
        "Interrupts at the start or a dose rise; queue while it continues",
        ("mhra-opioid-2020", "asam-2025-21", "start-28"),
        opioids.substitution,
    ),
    Rule(
        "GAB-01",
        "Co-prescription",
        "Gabapentinoid with a benzodiazepine or Z-drug",
        BREATHING,
        "S2; S1 with an added risk; S3 under the epilepsy exemption",
        "Queue",
        ("fda-gabapentinoid-2019", "mhra-pregabalin-2021", "gab-egfr-60"),
        sedatives.gabapentinoid,
    ),
    Rule(
        "CNS-01",
        "Co-prescription",
        "Barbiturate or older sedative with a benzodiazepine or Z-drug",
        BREATHING,
        "S1; S3 for phenobarbital or primidone under the epilepsy exemption",
        "Interrupts at the start; queue while it continues",
        ("ansm-2020", "start-28"),
        sedatives.older_sedative,
    ),
    Rule(
        "CNS-02",
        "Co-prescription",
        "Another hypnotic with a benzodiazepine or Z-drug",
        DUPLICATE,
        "S2; S3 for melatonin and ramelteon",
        "Queue",
        ("cns-02",),
        sedatives.other_hypnotic,
    ),
    Rule(
        "CYP-01",
        "Co-prescription",
        "Strong CYP3A4 inhibitor",
        METABOLISM,
        "S1 for the contraindicated pairs, S2 for the others",
        "Interrupts for S1; queue for S2",
        ("alprazolam-label", "halcion-cyp", "paxlovid-label", "ansm-2020"),
        interactions.strong_inhibitor,
    ),
    Rule(
        "DUP-01",
        "Dose and duplication",
        "Two benzodiazepines",
        DUPLICATE,
        "S2",
        "Queue",
        ("stopp-v3-a3", "herings-1995", "cross-taper-28"),
        duplicates.two_benzodiazepines,
    ),
    Rule(
        "DUP-02",
        "Dose and duplication",
        "Benzodiazepine with a Z-drug",
        DUPLICATE,
        "S2",
        "Queue",
        ("texas-due-2020",),
        duplicates.benzodiazepine_and_z_drug,
    ),
    Rule(
        "DUR-04",
        "Duration",
        "Past day 120",
        LENGTH,
        "S2; S1 when a medicine graded urgent beside it was started in the last 28 days",
        "Queue",
        ("us-labels-4-months", "start-28"),
        duration.four_months,
    ),
    Rule(
        "DUR-01",
        "Duration",
        "Anxiety and other indications past the guidance",
        LENGTH,
        "UK S4 then S2; EU S3 then S2; US S4 then S3",
        "Queue; S4 is a note",
        ("csm-1988", "eu-spc-1994", "us-labels-4-months", "us-step-60", "stopp-v3-a2"),
        duration.anxiety_and_others,
    ),
    Rule(
        "DUR-02",
        "Duration",
        "Insomnia past the guidance",
        LENGTH,
        "S3 then S2; US S3 (triazolam S2 in every profile)",
        "Queue",
        ("smpc-hypnotics", "halcion-label", "eu-spc-1994"),
        duration.insomnia,
    ),
    Rule(
        "DUR-03",
        "Duration",
        "Acute muscle spasm past the guidance",
        LENGTH,
        "S3 then S2",
        "Queue",
        ("scotgov-2024",),
        duration.spasm,
    ),
    Rule(
        "ELD-01",
        "Patient conditions",
        "New start at 65 or over",
        OLDER,
        "S3",
        "Queue",
        ("beers-2023-t2", "eld-01-180"),
        elderly.new_start,
    ),
    Rule(
        "ELD-02",
        "Patient conditions",
        "Long-acting benzodiazepine at 65 or over",
        OLDER,
        "S2; S3 under the spasticity and S4 under the epilepsy exemption",
        "Queue",
        ("mhra-module", "herings-1995"),
        elderly.long_acting,
    ),
    Rule(
        "ELD-04",
        "Patient conditions",
        "Benzodiazepine for 4 weeks or more at 65 or over",
        OLDER,
        "S2; S3 under the spasticity exemption",
        "Queue",
        ("stopp-v3-d8",),
        elderly.four_weeks,
    ),
    Rule(
        "ELD-06",
        "Patient conditions",
        "Hypnotic for insomnia for 2 weeks or more at 65 or over",
        OLDER,
        "S2; S3 under the spasticity exemption",
        "Queue",
        ("stopp-v3-d10-d11",),
        elderly.insomnia,
    ),
    Rule(
        "DQ-01",
        "Data quality",
        "Supply or dose missing",
        UNJUDGED,
        "S3",
        "Queue",
        ("portal",),
        quality.incomplete,
    ),
    Rule(
        "DQ-03",
        "Data quality",
        "Medicine not recognised",
        UNJUDGED,
        "S2; S3 without a benzodiazepine or Z-drug in use",
        "Queue",
        ("portal",),
        quality.unmapped,
    ),
)
BY_ID = {rule.id: rule for rule in RULES}
