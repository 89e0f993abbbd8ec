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
        # Regular use and the dependence gate.
        regular_from_days=16,
        regular_window_days=28,
        gate_high_band_days=14,
        gate_alprazolam_days=14,
        # 1 where Z-drugs are added up in diazepam equivalents, 0 where they are not.
        z_in_equivalents_count=0,
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
    "DQ-02": _all(reconciled_within_days=90, short_course_max_days=28),
    "STR-01": _all(),
    "IND-01": _all(unknown_over_days=7),
    "IND-02": _all(),
    "IND-03": _all(plan_within_days=28),
    "IND-04": _all(exposed_from_days=28),
    "ALG-01": _all(),
    "LEG-01": {
        "UK": {"supply_over_days": 30, "dispensed_over_days": 28},
        "US": {"refill_over_count": 5, "written_over_months": 6},
        "EU": {"hypnotic_supply_over_days": 28, "anxiolytic_supply_over_days": 84},
    },
    "DUR-05": _all(window_days=365, exposed_over_days=90),
    "DUR-06": _all(
        window_days=365, exposed_from_days=180, half_window_days=180, half_exposed_from_days=144
    ),
    "DUR-07": _all(supply_over_days=2, repeat_within_days=30),
    "DUR-08": _all(age_from_years=66, unexposed_before_days=450, exposed_from_days=21),
    "DUR-09": _all(),
    "DUR-10": _all(
        window_days=365, supplies_from_count=6, exposed_from_days=95, exposed_to_days=273
    ),
    "SWI-01": _all(switch_within_days=30),
    "REV-01": _all(
        elapsed_from_days=90,
        review_within_days=90,
        epilepsy_review_within_days=180,
        urgent_overdue_from_days=60,
    ),
    "REV-02": _all(review_after_over_days=14),
    "EXM-06": _all(),
    "DOSE-01": {
        "UK": {"over_mg": 30, "urgent_over_mg": 60, "dose_days": 7},
        "US": {"over_mg": 40, "urgent_over_mg": 60, "dose_days": 7},
        "EU": {"over_mg": 30, "urgent_over_mg": 60, "dose_days": 7},
    },
    "DOSE-02": _all(urgent_over_percent=150),
    "DOSE-03": _all(age_from_years=65, share_of_adult_percent=50),
    "DOSE-04": _all(
        rise_percent=50,
        rise_from_mg=5,
        mean_of_days=28,
        rises_from_count=3,
        rises_within_days=90,
    ),
    "DOSE-05": _all(
        diazepam_low_to_mg=10,
        diazepam_high_over_mg=15,
        clonazepam_low_to_mg=0.5,
        clonazepam_high_over_mg=1.5,
        lorazepam_low_to_mg=2,
        lorazepam_high_over_mg=3,
        alprazolam_low_to_mg=1,
        alprazolam_high_over_mg=2,
    ),
    "DOSE-06": {"US": {"over_mg": 5, "extended_over_mg": 6.25}},
    "DUP-03": _all(overlap_from_days=3),
    "DUP-04": _all(overlap_over_days=7),
    "OPI-03": _all(overlap_from_days=1, naloxone_within_days=365),
    "OPI-04": _all(overlap_from_days=7),
    "CNS-03": _all(overlap_from_days=7, age_from_years=65, cns_active_from_count=3),
    "CNS-04": _all(overlap_from_days=7),
    "CNS-05": _all(overlap_from_days=7, age_from_years=65),
    "CNS-06": _all(overlap_from_days=30, age_from_years=65, cns_active_from_count=3),
    "ADP-01": _all(overlap_from_days=7, contraindicated_from_days=1, age_from_years=65),
    "ADP-02": _all(overlap_from_days=7, age_from_years=65),
    "OLZ-01": _all(within_minutes=60),
    "CLZ-01": _all(overlap_from_days=7),
    "OXY-01": _all(overlap_from_days=1),
    "CYP-02": _all(overlap_from_days=7, age_from_years=65),
    "CYP-03": _all(overlap_from_days=7, age_from_years=65, clobazam_from_mg=20),
    "CYP-04": _all(overlap_from_days=7, ended_within_days=28),
    "UGT-01": _all(overlap_from_days=1, share_of_dose_percent=50, new_start_over_mg=1),
    "AED-01": _all(overlap_from_days=7),
    "AED-02": _all(overlap_from_days=7, dose_change_within_days=28),
    "ALC-01": _all(audit_c_from_points=8, alcohol_over_units=8),
    "ALC-02": _all(
        supply_over_days=3, alcohol_over_days=10, repeat_within_days=90, new_regimen_after_days=7
    ),
    "ILL-01": _all(),
    "SUD-01": _all(),
    "SUI-01": _all(within_days=365, urgent_within_days=30, phq9_from_points=1, supply_over_days=7),
    "ODH-01": _all(within_days=730, urgent_within_days=90),
    "ELD-05": _all(age_from_years=65, elapsed_from_days=90, offer_within_days=365),
    "FAL-01": _all(within_days=365, urgent_under_days=30, urgent_from_count=2),
    "COG-01": _all(delirium_within_days=90),
    "RSP-01": _all(po2_under_kpa=8, pco2_over_kpa=6.5, fev1_under_percent=50),
    "RSP-02": _all(),
    "MYA-01": _all(),
    "HEP-01": _all(),
    "HEP-02": _all(alt_over_times=3, zopiclone_over_mg=3.75, zolpidem_over_mg=5),
    "REN-01": _all(egfr_below_ml_min=30),
    "PRG-01": _all(
        taper_under_days=14,
        second_from_weeks=13,
        third_from_weeks=28,
        pregnancy_weeks=42,
        child_bearing_from_years=12,
        child_bearing_to_years=55,
    ),
    "PRG-02": _all(
        exposed_from_days=28,
        second_from_weeks=13,
        third_from_weeks=28,
        pregnancy_weeks=42,
        child_bearing_from_years=12,
        child_bearing_to_years=55,
    ),
    "BRF-01": _all(),
    "PED-01": _all(under_years=18, urgent_under_years=12),
    "GLA-01": _all(),
    "POR-01": _all(),
    "DEP-01": _all(signs_from_count=2),
    "DRV-01": _all(),
    "OCC-01": _all(),
    "ILN-01": _all(),
    "STOP-01": _all(short_from_days=2, intermediate_from_days=4, long_from_days=7, stands_days=30),
    "STOP-02": _all(stands_days=30, last_step_mg=1),
    "STOP-03": _all(within_days=28),
    "TAP-01": _all(
        window_days=14,
        fall_over_percent=25,
        urgent_over_percent=50,
        exposed_from_days=28,
        floor_start_mg=10,
        floor_fall_mg=2,
        last_step_mg=1,
    ),
    "TAP-02": _all(
        exposed_from_days=365,
        step_over_percent=10,
        floor_start_mg=10,
        floor_fall_mg=2,
        last_step_mg=1,
    ),
    "TAP-03": _all(contact_over_days=28, after_step_days=7, first_steps_count=2),
    "TAP-04": _all(stalled_from_days=84),
    "TAP-05": _all(rise_percent=20),
    "TAP-06": _all(exposed_from_days=90, step_every_days=3),
    "TAP-07": _all(over_mg=40),
    "REF-01": _all(left_from_days=3, left_over_percent=15, window_days=90, repeated_from_count=2),
    "REF-02": _all(window_days=180, replacements_from_count=2),
    "PRE-01": _all(window_days=180, brief_window_days=30, review_from_count=3, urgent_from_count=4),
    "PRE-02": _all(),
    "SUP-01": _all(first_days=90, first_over_days=30, risk_over_days=7),
    "SUP-02": _all(),
}
for _profile, _table in (("UK", "SCOT2024"), ("US", "VADOD2021"), ("EU", "WHO2009")):
    PARAMETERS[EXPOSURE][_profile]["equivalents_table"] = _table
PARAMETERS[EXPOSURE]["UK"]["z_in_equivalents_count"] = 1
# 1 = urgent in this profile, whose labels contraindicate it.
PARAMETERS["GLA-01"]["US"]["urgent_count"] = 1
PARAMETERS["ILN-01"]["US"]["urgent_count"] = 1
for _profile in PROFILES:
    PARAMETERS["DUR-02"][_profile] |= {
        "triazolam_s3_over_days": 10,
        "triazolam_s2_over_days": 21,
        "triazolam_supply_over_days": 31,
    }


def default_rules_section() -> dict:
    """The `rules` section of a book's JSON, as this edition of the code proposes it."""
    return {rule: {p: dict(limits) for p, limits in by.items()} for rule, by in PARAMETERS.items()}
