"""The authorities the rules rest on: the guideline itself, with its place and when it was read.

`verified` says that the statement itself was read in published material; False marks local policy,
a product choice, or a statement known only at second hand, and `note` says which. Every number
still needs the sign-off of a named clinician or pharmacist before it drives a live queue.
"""

from datetime import date
from typing import NamedTuple

REVIEWED = date(2026, 11, 22)
NEXT_REVIEW = date(2027, 10, 1)
NEXT_REVIEW_UNVERIFIED = date(2027, 5, 3)


class Citation(NamedTuple):
    title: str
    issuer: str
    year: int
    locator: str
    reviewed: date = REVIEWED
    next_review: date = NEXT_REVIEW
    verified: bool = True
    note: str = ""


def _unverified(title, issuer, year, locator, note):
    return Citation(title, issuer, year, locator, REVIEWED, NEXT_REVIEW_UNVERIFIED, False, note)


SOURCES: dict[str, Citation] = {
    "portal": _unverified(
        "Definitions and data-quality rules of the portal",
        "Prescription Safety Portal",
        2026,
        "docs/rule-notes.md",
        "local policy/unverified: a product choice, no guideline",
    ),
    "csm-1988": Citation(
        "Benzodiazepines, dependence and withdrawal symptoms (Current Problems no. 21)",
        "Committee on Safety of Medicines, carried by the British National Formulary",
        1988,
        "2 to 4 weeks, for severe, disabling or extremely distressing anxiety or insomnia",
        note="read in copies of 2013 and in formularies; the current BNF wording is to be checked",
    ),
    "eu-spc-1994": _unverified(
        "Note for guidance: summary of product characteristics for benzodiazepines",
        "European Medicines Evaluation Agency",
        1994,
        "section 4.2: anxiety 8 to 12 weeks in all, insomnia 4 weeks in all, tapering included",
        "secondary: its sentences were read in product texts and in an HAS table of 2015, not in "
        "the original",
    ),
    "us-labels-4-months": Citation(
        "Prescribing information of diazepam and lorazepam tablets",
        "US Food and Drug Administration",
        2021,
        "Indications: effectiveness beyond 4 months not assessed; reassess periodically",
        note="read in copies of the label text",
    ),
    "us-step-60": _unverified(
        "Lower step for anxiety in the US profile",
        "Prescription Safety Portal",
        2026,
        "60 days",
        "local policy/unverified: an engineering proposal, no guideline value",
    ),
    "stopp-v3-a2": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "A2: beyond the recommended duration, where that is well defined",
    ),
    "halcion-label": Citation(
        "Prescribing information of triazolam (Halcion)",
        "US Food and Drug Administration",
        2023,
        "section 2.1: 7 to 10 days, re-evaluate beyond 3 weeks, at most a month's supply",
    ),
    "smpc-hypnotics": Citation(
        "Summaries of product characteristics of hypnotic benzodiazepines and Z-drugs",
        "Medicines and Healthcare products Regulatory Agency",
        2020,
        "section 4.2: a few days to 2 weeks, at most 4 weeks, tapering included",
    ),
    "scotgov-2024": Citation(
        "Quality prescribing for benzodiazepines and Z-drugs: a guide for improvement 2024 to 2027",
        "Scottish Government",
        2024,
        "prescribing for under 2 weeks, as required; record the indication",
    ),
    "start-28": _unverified(
        "What counts as started recently",
        "Prescription Safety Portal",
        2026,
        "28 days",
        "local policy/unverified: a product choice",
    ),
    "beers-2023-t2": Citation(
        "AGS Beers Criteria for potentially inappropriate medication use in older adults",
        "American Geriatrics Society",
        2023,
        "Table 2: benzodiazepines avoid, with exceptions; Z-drugs avoid",
        note="the Z-drug row was read at second hand only",
    ),
    "eld-01-180": _unverified(
        "Days without exposure before a new start",
        "Prescription Safety Portal",
        2026,
        "180 days",
        "local policy/unverified: a product choice",
    ),
    "herings-1995": Citation(
        "Benzodiazepines and the risk of falling leading to femur fractures",
        "Herings and others, Archives of Internal Medicine",
        1995,
        "risk followed the dose, not the half-life; two benzodiazepines OR 2.5 (1.3 to 4.9)",
    ),
    "mhra-module": Citation(
        "Benzodiazepines learning module",
        "Medicines and Healthcare products Regulatory Agency",
        2015,
        "older people: half the dose; short-acting medicines may be preferred",
        note="sources conflict: later cohorts found no protection from a short half-life",
    ),
    "stopp-v3-d8": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "D8: a benzodiazepine for 4 weeks or more",
    ),
    "stopp-v3-d10-d11": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "D10 and D11: a benzodiazepine or Z-drug for insomnia for 2 weeks or more",
        note="D11 was read in one encoding only",
    ),
    "stopp-v3-a3": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "A3: duplicate class for daily regular use, as-needed use left out",
    ),
    "fda-opioid-2016": Citation(
        "Drug Safety Communication: serious risks when opioids and benzodiazepines are combined",
        "US Food and Drug Administration",
        2016,
        "boxed warning, 31 August 2016; class warning renewed 23 September 2020",
    ),
    "mhra-opioid-2020": Citation(
        "Drug Safety Update: benzodiazepines and opioids",
        "Medicines and Healthcare products Regulatory Agency",
        2020,
        "March 2020: only without an alternative, lowest dose, shortest time; methadone 2 weeks",
    ),
    "cdc-2022-11": Citation(
        "Clinical practice guideline for prescribing opioids for pain, MMWR 71(3)",
        "US Centers for Disease Control and Prevention",
        2022,
        "recommendation 11: particular caution",
        note="grade of evidence read in one place only",
    ),
    "beers-2023-t5": Citation(
        "AGS Beers Criteria for potentially inappropriate medication use in older adults",
        "American Geriatrics Society",
        2023,
        "Table 5: opioid with benzodiazepine, avoid",
    ),
    "asam-2025-21": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 21: do not disrupt buprenorphine or methadone",
    ),
    "fda-gabapentinoid-2019": Citation(
        "Drug Safety Communication: serious breathing problems with gabapentin and pregabalin",
        "US Food and Drug Administration",
        2019,
        "19 December 2019",
    ),
    "mhra-pregabalin-2021": Citation(
        "Drug Safety Update: pregabalin, risk of severe respiratory depression",
        "Medicines and Healthcare products Regulatory Agency",
        2021,
        "February 2021: respiratory or neurological disease, renal impairment, age over 65",
    ),
    "gab-egfr-60": _unverified(
        "Kidney function that raises the risk of a gabapentinoid",
        "Prescription Safety Portal",
        2026,
        "eGFR under 60",
        "local policy/unverified: a product choice",
    ),
    "ansm-2020": Citation(
        "Thésaurus des interactions médicamenteuses",
        "Agence nationale de sécurité du médicament et des produits de santé",
        2020,
        "edition of October 2020: barbiturates, other sedatives and CYP3A4 inhibitors",
        note="later editions exist",
    ),
    "cns-02": _unverified(
        "One hypnotic at a time",
        "Prescription Safety Portal",
        2026,
        "7 days or more together",
        "local policy/unverified: severity by row of the interaction table",
    ),
    "alprazolam-label": Citation(
        "Prescribing information of alprazolam",
        "US Food and Drug Administration",
        2021,
        "contraindications: ketoconazole, itraconazole; other strong inhibitors not recommended",
        note="read in a copy of the label",
    ),
    "halcion-cyp": Citation(
        "Prescribing information of triazolam (Halcion)",
        "US Food and Drug Administration",
        2023,
        "contraindications: strong CYP3A4 inhibitors",
    ),
    "paxlovid-label": Citation(
        "Prescribing information of nirmatrelvir with ritonavir (Paxlovid)",
        "US Food and Drug Administration",
        2023,
        "contraindications: triazolam and oral midazolam",
    ),
    "texas-due-2020": Citation(
        "Drug Use Evaluation: sedative and hypnotic medicines",
        "Texas Medicaid Vendor Drug Program",
        2020,
        "benzodiazepine with a Z-drug: additive at the same receptor",
    ),
    "cross-taper-28": _unverified(
        "How long a cross-taper may overlap",
        "Prescription Safety Portal",
        2026,
        "28 days",
        "local policy/unverified: a product choice",
    ),
}
