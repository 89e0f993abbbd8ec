"""What a recorded exemption changes: which rules it silences, and which it lowers.

An exemption needs an owner, evidence and an expiry of at most a year; the verb that records it sees
to that. A rule that is not named for a kind is left as it is.
"""

from reviews.rules.finding import SEVERITIES, Severity

KINDS = {
    "epilepsy_adjunct": "EXM-01 Adjunct in epilepsy, under specialist care",
    "spasticity_neurological": "EXM-02 Spasticity of neurological cause",
    "palliative": "EXM-03 Palliative or end-of-life care, hospice",
    "alcohol_withdrawal": "EXM-04 Supervised alcohol withdrawal",
    "specialist": "EXM-05 REM sleep behaviour disorder, severe treatment-resistant GAD, "
    "catatonia or tardive dyskinesia, by specialist letter",
}

PALLIATIVE_CARE = "palliative_care"
"""No exemption that somebody granted: every current order of a sedative says that it is for
palliative or end-of-life care, and was begun lately. A granted one silences, this one lowers."""

SILENT = None
_DURATION = ("DUR-01", "DUR-02", "DUR-03", "DUR-04", "DUR-05", "DUR-06", "DUR-10")
_KEPT_IN_PALLIATIVE_CARE = frozenset({"ALG-01", "DQ-03", "DQ-04", "STOP-01", "STOP-02"})

EFFECTS: dict[str, dict[str, int | None]] = {
    "epilepsy_adjunct": {
        **dict.fromkeys(_DURATION, SILENT),
        **dict.fromkeys(
            ("DOSE-01", "DOSE-05", "ELD-01", "ELD-04", "ELD-05", "SUP-02", "CNS-06"), SILENT
        ),
        "ELD-02": 4,
    },
    "spasticity_neurological": {
        **dict.fromkeys(_DURATION, SILENT),
        **dict.fromkeys(("ELD-01", "ELD-02", "ELD-04", "ELD-05", "ELD-06"), 3),
    },
    "alcohol_withdrawal": dict.fromkeys(("DOSE-01", "ALC-01", "ELD-01"), SILENT),
    # REM sleep behaviour disorder and severe generalised anxiety are among the exceptions of Beers
    # 2023 for benzodiazepines; nothing there excepts a Z-drug, or a fall.
    "specialist": dict.fromkeys(
        (*_DURATION, "DUR-07", "DUR-08", "DUR-09", "ELD-01", "ELD-02", "ELD-04", "ELD-05"), 4
    ),
}


def graded(rule_id: str, severity: int, kinds) -> Severity | None:
    """The severity left under the exemptions in force; None when one of them silences the rule."""
    for kind in kinds:
        if kind == "palliative":
            if rule_id == "OPI-03":
                severity = 4
            elif rule_id not in _KEPT_IN_PALLIATIVE_CARE:
                return None
            continue
        if kind == PALLIATIVE_CARE:
            if rule_id not in _KEPT_IN_PALLIATIVE_CARE:
                severity = 4
            continue
        effects = EFFECTS[kind]
        if rule_id in effects:
            floor = effects[rule_id]
            if floor is None:
                return None
            severity = max(severity, floor)
    return SEVERITIES[severity]


def exempted(rule_id: str) -> list[tuple[str, Severity | None]]:
    """The kinds of exemption that change a rule, as (label, severity left); None = silent."""
    found = []
    for kind, label in KINDS.items():
        left = graded(rule_id, Severity.S1, [kind])
        if left != Severity.S1:
            found.append((label, left))
    return found
