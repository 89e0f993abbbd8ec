"""Thresholds by rule and profile; each key names its unit.

A limit ("at most 4 weeks") is passed when the count is *over* it (`_over_days`); a criterion
("4 weeks or more") is met when the count *reaches* it (`_from_days`). A missing `sN_` key means
that the rule has no such step in that profile.
"""

PROFILES = ("UK", "US", "EU")


def _all(**limits):
    return {profile: dict(limits) for profile in PROFILES}


EXPOSURE = "EXPOSURE"
"""Not a rule: the definitions that all rules share."""

PARAMETERS: dict[str, dict[str, dict]] = {
    EXPOSURE: _all(
        gap_days=14,
        carry_forward_max_days=15,
        plausible_supply_max_days=120,
        restart_gap_days=14,
        start_window_days=28,
        fentanyl_patch_tail_days=3,
    ),
    "DQ-01": _all(),
    "DQ-03": _all(),
    "DUR-01": {
        "UK": {"s4_over_days": 14, "s2_over_days": 28},
        "US": {"s4_over_days": 28, "s3_over_days": 60},
        "EU": {"s3_over_days": 56, "s2_over_days": 84},
    },
    "DUR-02": {
        "UK": {"s3_over_days": 14, "s2_over_days": 28},
        "US": {"s3_over_days": 28},
        "EU": {"s3_over_days": 14, "s2_over_days": 28},
    },
    "DUR-03": _all(s3_over_days=14, s2_over_days=28),
    "DUR-04": _all(s2_over_days=120, co_drug_started_within_days=28),
    "ELD-01": _all(age_from_years=65, unexposed_before_days=180),
    "ELD-02": _all(age_from_years=65),
    "ELD-04": _all(age_from_years=65, exposed_from_days=28),
    "ELD-06": _all(age_from_years=65, exposed_from_days=14),
    "OPI-01": _all(overlap_from_days=1),
    "OPI-02": _all(overlap_from_days=1),
    "GAB-01": _all(overlap_from_days=1, age_from_years=65, egfr_below_ml_min=60),
    "CNS-01": _all(overlap_from_days=1),
    "CNS-02": _all(overlap_from_days=7),
    "CYP-01": _all(overlap_from_days=1, short_course_max_days=14),
    "DUP-01": _all(overlap_from_days=7, cross_taper_max_days=28),
    "DUP-02": _all(overlap_from_days=7),
}
for _profile in PROFILES:
    PARAMETERS["DUR-02"][_profile] |= {
        "triazolam_s3_over_days": 10,
        "triazolam_s2_over_days": 21,
        "triazolam_supply_over_days": 31,
    }


def default_rules_section() -> dict:
    """The `rules` section of a book's JSON, as this edition of the code proposes it."""
    return {rule: {p: dict(limits) for p, limits in by.items()} for rule, by in PARAMETERS.items()}
