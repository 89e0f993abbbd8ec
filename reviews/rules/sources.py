"""The authorities the rules rest on: the guideline itself, with its place and when it was read.

`year` is None where the copy that was read carried none. `verified` says that the statement itself
was read in published material; False marks local policy, a product choice, or a statement known
only at second hand, and `note` says which. Every number still needs the sign-off of a named
clinician or pharmacist before it drives a live queue.
"""

from datetime import date
from typing import NamedTuple

REVIEWED = date(2026, 11, 22)
NEXT_REVIEW = date(2027, 10, 1)
NEXT_REVIEW_UNVERIFIED = date(2027, 5, 3)


_COUNTRIES = {
    "US": (*("US ", "American ", "Texas ", "Oregon ", "Pharmacy Quality Alliance"),),
    "UK": (
        *("UK ", "Medicines and Healthcare", "National Institute for Health and Care", "NICE "),
        *("Committee on Safety of Medicines", "Department of Health", "PrescQIPP", "Scottish "),
    ),
    "EU": ("European Medicines",),
    "France": ("Agence nationale", "Haute Autorité", "Ordre national"),
    "Australia": ("Royal Australian",),
}
"""Whose guidance it is, by how the name of its issuer begins; studies are of no country."""


def country_of(issuer: str) -> str:
    """The country whose authority or profession speaks: "US", "France"; "" for a study or us."""
    return next((place for place, names in _COUNTRIES.items() if issuer.startswith(names)), "")


class Citation(NamedTuple):
    title: str
    issuer: str
    year: int | None
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
        None,
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
        None,
        "section 2.1: 7 to 10 days, re-evaluate beyond 3 weeks, at most a month's supply",
    ),
    "smpc-hypnotics": Citation(
        "Summaries of product characteristics of hypnotic benzodiazepines and Z-drugs",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "section 4.2: a few days to 2 weeks, at most 4 weeks, tapering included",
    ),
    "scotgov-2024": Citation(
        "Quality prescribing for benzodiazepines and Z-drugs: a guide for improvement 2024 to 2027",
        "Scottish Government",
        2024,
        "under 2 weeks, as required, off repeat (an example policy: 7 days); record the "
        "indication; tolerance 5 to 7 days after a first reduction",
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
        "risk followed the dose, not the half-life; two benzodiazepines OR 2.5 (1.3 to 4.9), a "
        "sudden rise of the dose OR 3.4 (1.0 to 11.5)",
    ),
    "mhra-module": Citation(
        "Benzodiazepines learning module",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "older people: half the dose, short-acting medicines may be preferred; avoid after "
        "substance abuse",
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
        "CDC Clinical Practice Guideline for Prescribing Opioids for Pain — United States, 2022",
        "US Centers for Disease Control and Prevention",
        2022,
        "MMWR Recomm Rep 2022;71(RR-3), recommendation 11: particular caution",
        note="grade of evidence read in one place only",
    ),
    "beers-2023-t5": Citation(
        "AGS Beers Criteria for potentially inappropriate medication use in older adults",
        "American Geriatrics Society",
        2023,
        "Table 5: opioid with benzodiazepine or gabapentinoid, avoid, with exceptions; three or "
        "more CNS-active medicines, avoid",
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
    "mhra-gabapentin-2017": Citation(
        "Drug Safety Update: gabapentin (Neurontin), risk of severe respiratory depression",
        "Medicines and Healthcare products Regulatory Agency",
        2017,
        "October 2017: respiratory or neurological disease, renal impairment, other CNS "
        "depressants, older people; also without an opioid",
        note="read in reports of it",
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
        "edition of October 2020: benzodiazepines with barbiturates, other sedatives, clozapine, "
        "CYP3A4 inhibitors, inducers and antiseizure medicines",
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
        None,
        "contraindications: ketoconazole, itraconazole; other strong inhibitors not recommended",
        note="read in a copy of the label",
    ),
    "halcion-cyp": Citation(
        "Prescribing information of triazolam (Halcion)",
        "US Food and Drug Administration",
        None,
        "contraindications: strong CYP3A4 inhibitors",
    ),
    "paxlovid-label": Citation(
        "Prescribing information of nirmatrelvir with ritonavir (Paxlovid)",
        "US Food and Drug Administration",
        None,
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
    "ndc-2019": Citation(
        "National Drug Code directory",
        "US Food and Drug Administration",
        2019,
        "strengths and forms of benzodiazepines and Z-drugs",
        note="snapshot of 2019; UK strengths are general knowledge",
    ),
    "stopp-v3-a1": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "A1: a medicine without a clinical indication",
    ),
    "ind-01-7": _unverified(
        "How long an indication may stay unknown",
        "Prescription Safety Portal",
        2026,
        "7 days",
        "local policy/unverified: a product choice",
    ),
    "nice-cg113": Citation(
        "Generalised anxiety disorder and panic disorder in adults (CG113)",
        "National Institute for Health and Care Excellence",
        2011,
        "benzodiazepines not offered, except short-term in a crisis",
        note="updated 2020; read as quoted by formularies, number of the recommendation not seen",
    ),
    "asam-2025-25": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 25: strongly consider a taper in post-traumatic stress disorder",
    ),
    "ind-04-28": _unverified(
        "Exposure from which post-traumatic stress disorder is looked at",
        "Prescription Safety Portal",
        2026,
        "28 days",
        "local policy/unverified: the guideline gives no duration",
    ),
    "smpc-contraindications": Citation(
        "Summaries of product characteristics of benzodiazepines",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "section 4.3: hypersensitivity, severe respiratory insufficiency, sleep apnoea, "
        "unstable myasthenia gravis, severe hepatic impairment",
    ),
    "uk-cd-30": _unverified(
        "UK rules on quantity and validity of controlled-drug prescriptions (title not read)",
        "Department of Health and Social Care",
        2015,
        "30 days' supply is strong advice; 28 days' validity is law; Z-drugs Schedule 4 "
        "Part 1 since 10 June 2014",
        "secondary: described, not cited by title: read on pages of NHS bodies",
    ),
    "us-csa-c4": Citation(
        "Controlled Substances Act, Schedule IV",
        "US Drug Enforcement Administration",
        1970,
        "21 CFR 1306.22: at most 5 refills within 6 months of the date issued",
    ),
    "fr-meddispar": Citation(
        "Durée de prescription des hypnotiques et anxiolytiques",
        "Ordre national des pharmaciens (Meddispar)",
        None,
        "hypnotics 4 weeks, anxiolytics 12 weeks",
        note="French law, used for the EU profile",
    ),
    "pqa-2015": _unverified(
        "Use of benzodiazepine sedative hypnotic medications in the elderly",
        "Pharmacy Quality Alliance",
        2015,
        "over 90 cumulative days, 65 and over, 2 fills",
        "local policy/unverified beyond that measure: all ages and Z-drugs are a product choice",
    ),
    "manitoba-2021": Citation(
        "Risk of long-term benzodiazepine and Z-drug use following the first prescription among "
        "community-dwelling adults with anxiety/mood and sleep disorders: a retrospective cohort "
        "study",
        "Brandt and others, BMJ Open",
        2021,
        "2021;11:e046916: 180 days or more as long-term use, in 206,933 people of Manitoba",
    ),
    "uk-filter-008": Citation(
        "Medication safety filters 008 and 009",
        "UK medication-safety indicators (public SQL)",
        None,
        "over 65, 21 days or more, none in the 450 days before; 009 with depression",
        note="public SQL, not among the 13 PINCER indicators",
    ),
    "oregon-2018": Citation(
        "Drug use review: benzodiazepines",
        "Oregon Drug Use Review / Pharmacy and Therapeutics Committee",
        2018,
        "proportion of days covered: over 75 % continuous, 26 to 75 % intermittent",
    ),
    "nice-ta77": Citation(
        "Guidance on the use of zaleplon, zolpidem and zopiclone (TA77)",
        "National Institute for Health and Care Excellence",
        2004,
        "switch only for adverse effects; not after non-response",
    ),
    "asam-2025-1": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 1: review at least every 3 months, at minimum at each new "
        "prescription or renewal",
    ),
    "asam-2025-16": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 16: with an opioid every 3 months or every encounter, whichever "
        "is more frequent",
    ),
    "rev-01-60": _unverified(
        "When an overdue review goes to the top of the queue",
        "Prescription Safety Portal",
        2026,
        "60 days; 180 days under the epilepsy exemption",
        "local policy/unverified: product choices",
    ),
    "label-maxima": Citation(
        "Prescribing information and summaries of product characteristics, by drug",
        "Licensing authorities of the profile",
        None,
        "daily maximum by indication and form, as held in the formulary",
        note="each figure carries its own source and sign-off in the formulary",
    ),
    "equivalents": Citation(
        "Tables of diazepam equivalents",
        "Scottish Government 2024, VA/DoD 2021, WHO 2009, Ashton 2002, BNF",
        2024,
        "as held in the formulary; approximate, and they differ between tables",
        note="the BNF column is general knowledge",
    ),
    "dose-01-60": _unverified(
        "Urgent total in diazepam equivalents",
        "Prescription Safety Portal",
        2026,
        "60 mg; EU maximum 30 mg",
        "local policy/unverified: engineering proposals",
    ),
    "asam-2025-bands": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "Table 2: low, moderate and high dose bands",
        note="the sum over several drugs is a product choice",
    ),
    "fda-zolpidem-2013": Citation(
        "Drug Safety Communication: lower recommended doses of zolpidem",
        "US Food and Drug Administration",
        2013,
        "10 January 2013: women 5 mg, extended release 6.25 mg",
    ),
    "dup-03": _unverified(
        "Two Z-drugs together",
        "Prescription Safety Portal",
        2026,
        "3 days or more",
        "local policy/unverified: general knowledge",
    ),
    "texas-triple": Citation(
        "Clinical prior authorisation: opioid, benzodiazepine and muscle relaxant",
        "Texas Medicaid Vendor Drug Program",
        2024,
        "overlap of 7 days or more",
    ),
    "asam-2025-17": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 17: offer overdose-reversal medicine to all who take both",
    ),
    "olanzapine-smpc": Citation(
        "Summary of product characteristics of olanzapine for injection (Zyprexa)",
        "European Medicines Agency",
        2019,
        "section 4.4: not together with parenteral benzodiazepine; an hour between",
    ),
    "fda-oxybate-2012": Citation(
        "Drug Safety Communication: sodium oxybate with alcohol or sedatives",
        "US Food and Drug Administration",
        2012,
        "17 December 2012: contraindicated with sedative hypnotics",
    ),
    "cns-labels": Citation(
        "Prescribing information of benzodiazepines, interactions: central nervous system"
        " depressants",
        "US Food and Drug Administration",
        None,
        "additive sedation",
        note="severity by row of the interaction table is local policy",
    ),
    "pqa-poly-cns": Citation(
        "Polypharmacy: use of multiple CNS-active medications in older adults (Poly-CNS)",
        "Pharmacy Quality Alliance",
        None,
        "three or more, 30 cumulative days; hospice and seizure disorder left out",
    ),
    "valium-label": Citation(
        "Prescribing information of diazepam (Valium)",
        "US Food and Drug Administration",
        None,
        "contraindications and interactions",
        note="read in copies and summaries of the label",
    ),
    "cyp2c19": _unverified(
        "Clobazam and moclobemide by way of CYP2C19",
        "Prescription Safety Portal",
        2026,
        "pairs of ADP-01 and CYP-03 that no label read names",
        "local policy/unverified: general knowledge",
    ),
    "andersson-1990": _unverified(
        "Study of omeprazole and diazepam in slow and rapid metabolisers (title not read)",
        "Andersson and others",
        1990,
        "clearance lower by 26 % only",
        "secondary: described, not cited by title: the abstract was read",
    ),
    "norvir-smpc": Citation(
        "Norvir (ritonavir), summary of product characteristics",
        "European Medicines Agency",
        None,
        "section 4.3: clorazepate, diazepam, estazolam, flurazepam, oral midazolam and triazolam",
        note="read in copies",
    ),
    "sustiva-leaflet": Citation(
        "Sustiva (efavirenz), package leaflet",
        "European Medicines Agency",
        None,
        "not to be taken with midazolam or triazolam",
        note="read in a copy of the leaflet; the product text was not read that far",
    ),
    "diazepam-smpc": Citation(
        "Summary of product characteristics of diazepam",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "section 4.5: inducers",
        note="read in a copy",
    ),
    "aed-01": _unverified(
        "Inducing antiseizure medicines with other benzodiazepines than diazepam and clonazepam",
        "Prescription Safety Portal",
        2026,
        "table 4.10 of the rule catalogue",
        "local policy/unverified: general knowledge",
    ),
    "felbamate": _unverified(
        "Felbamate with clobazam",
        "Prescription Safety Portal",
        2026,
        "table 4.10 of the rule catalogue",
        "local policy/unverified: general knowledge",
    ),
    "ativan-label": Citation(
        "Prescribing information of lorazepam (Ativan)",
        "US Food and Drug Administration",
        None,
        "halve the dose with valproate or probenecid",
    ),
    "cenobamate-2023": _unverified(
        "Article on the dose of clobazam with cenobamate (title not read)",
        "Epilepsy & Behavior 142:109156",
        2023,
        "reduce clobazam 2 to 4 weeks after the start",
        "secondary: described, not cited by title",
    ),
    "alc-01": _unverified(
        "Alcohol figures that count",
        "Prescription Safety Portal",
        2026,
        "AUDIT-C 8, over 8 UK units a day",
        "local policy/unverified: thresholds are product choices",
    ),
    "nice-cg115": _unverified(
        "Alcohol-use disorders (CG115)",
        "National Institute for Health and Care Excellence",
        2011,
        "community withdrawal: at most 2 days' supply at a time",
        "unverified: general knowledge, the text was not seen",
    ),
    "has-2015": Citation(
        "Arrêt des benzodiazépines et médicaments apparentés",
        "Haute Autorité de Santé",
        2015,
        "alcohol withdrawal 8 to 10 days",
    ),
    "mhra-fake": Citation(
        "Warning on counterfeit benzodiazepines",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "fake medicines hold unknown doses",
    ),
    "asam-2025-19": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendations 19 to 23: substance use disorder, review more often",
    ),
    "fda-bzd-2020": Citation(
        "Drug Safety Communication: boxed warning for benzodiazepines",
        "US Food and Drug Administration",
        2020,
        "23 September 2020: abuse, dependence, withdrawal, seizures on abrupt end",
    ),
    "malte-2018": _unverified(
        "Study of alerts on opioids with benzodiazepines in high-risk patients (title not read)",
        "Malte and others, Medical Care",
        2018,
        "co-prescribing lower by 61.5 % with suicide risk",
        "secondary: described, not cited by title: read in reports of it",
    ),
    "sui-01": _unverified(
        "Times and quantities in risk of suicide",
        "Prescription Safety Portal",
        2026,
        "30 and 365 days, 7 days' supply",
        "local policy/unverified: thresholds are product choices",
    ),
    "odh-01": _unverified(
        "Times after an overdose",
        "Prescription Safety Portal",
        2026,
        "90 days, 24 months",
        "local policy/unverified: thresholds are product choices",
    ),
    "asam-2025-27": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 27: taper in older adults unless there is a compelling reason",
    ),
    "beers-2023-t3": _unverified(
        "AGS Beers Criteria for potentially inappropriate medication use in older adults",
        "American Geriatrics Society",
        2023,
        "Table 3: falls or fractures, delirium, dementia",
        "secondary: read in summaries and encodings",
    ),
    "stopp-v3-k1": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "K1 and K4: benzodiazepine or Z-drug in recurrent falls",
    ),
    "fal-01": _unverified(
        "How recent a fall makes it urgent",
        "Prescription Safety Portal",
        2026,
        "under 30 days",
        "local policy/unverified: a product choice",
    ),
    "stopp-v3-d9": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "D9: benzodiazepine for agitation in dementia",
    ),
    "stopp-v3-g4": Citation(
        "STOPP/START criteria, version 3",
        "O'Mahony and others, European Geriatric Medicine",
        2023,
        "G4: benzodiazepine in acute or chronic respiratory failure",
        note="gas limits from version 2",
    ),
    "prescqipp": Citation(
        "Benzodiazepines and hepatic impairment",
        "PrescQIPP",
        None,
        "prefer oxazepam, lorazepam or temazepam in half dose",
    ),
    "zopiclone-smpc": Citation(
        "Summaries of product characteristics of zopiclone and zolpidem",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "hepatic and renal impairment: zopiclone 3.75 mg, zolpidem 5 mg",
    ),
    "ren-01": _unverified(
        "Kidney function looked at",
        "Prescription Safety Portal",
        2026,
        "eGFR under 30",
        "local policy/unverified: may be set to 45",
    ),
    "fda-neonatal-2022": Citation(
        "Class labelling: neonatal sedation and withdrawal syndrome",
        "US Food and Drug Administration",
        2022,
        "August 2022",
    ),
    "asam-2025-28": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 28: the maternal and fetal dyad",
    ),
    "csm-1997": Citation(
        "Benzodiazepines in pregnancy and breastfeeding",
        "Committee on Safety of Medicines",
        1997,
        "contact the doctor before conceiving; avoid in breastfeeding",
    ),
    "asam-2025-29": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 29: breastfeeding encouraged for infants exposed in utero",
        note="sources conflict: UK texts advise against",
    ),
    "brf-01": _unverified(
        "Dose that raises concern in breastfeeding",
        "Prescription Safety Portal",
        2026,
        "above the low band",
        "local policy/unverified: a product choice",
    ),
    "smpc-children": Citation(
        "Summaries of product characteristics of benzodiazepines",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "section 4.2: not recommended under 18 but for named uses",
    ),
    "leaflet-porphyria": Citation(
        "Package leaflets of benzodiazepines",
        "Medicines and Healthcare products Regulatory Agency",
        None,
        "acute porphyria",
    ),
    "asam-2025-signs": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "notes: dependence is expected, use disorder is rare",
    ),
    "uk-s5a": Citation(
        "The Drug Driving (Specified Limits) (England and Wales) Regulations 2014 (SI 2014/2868)",
        "UK Parliament",
        2014,
        "section 5A limits with a medical defence, in force 2 March 2015",
    ),
    "fda-sleep-2019": Citation(
        "Drug Safety Communication: complex sleep behaviours with eszopiclone, zaleplon "
        "and zolpidem",
        "US Food and Drug Administration",
        2019,
        "30 April 2019: boxed warning and contraindication",
    ),
    "iln-01": _unverified(
        "Complex sleep behaviour outside the US, and zopiclone",
        "Prescription Safety Portal",
        2026,
        "S2",
        "local policy/unverified: by analogy",
    ),
    "asam-2025-2": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 2 and Table 2: no abrupt end if dependence is likely; by use on 4 days a "
        "week or more: possible under a month, from 1 to 3 months possible at a low dose and "
        "likely at a higher one, likely from 3 months",
    ),
    "asam-2025-3": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendations 2b and 3: where dependence is unlikely, an end without a taper or a short "
        "one, with advice to report symptoms; giving it again and tapering if they are significant",
    ),
    "racgp-b": Citation(
        "Prescribing drugs of dependence in general practice, part B",
        "Royal Australian College of General Practitioners",
        None,
        "onset 1 to 2 days (short), 3 to 7 days (long); under 4 weeks usually no taper",
    ),
    "stop-01": _unverified(
        "Days of grace after the end of supply",
        "Prescription Safety Portal",
        2026,
        "2, 4 and 7 days; urgent for 14, shown for 30; earlier courses of 180 days; a course of "
        "up to 28 days",
        "local policy/unverified: product choices",
    ),
    "stop-02": _unverified(
        "The end of a completed taper",
        "Prescription Safety Portal",
        2026,
        "last step of 1 mg diazepam equivalent or the smallest unit",
        "local policy/unverified: a product choice",
    ),
    "asam-2025-6": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 6 and Key Takeaway 5: 5 to 10 % at a step, not over 25 % in 2 "
        "weeks, every 2 to 4 weeks",
    ),
    "tap-01": _unverified(
        "Small doses to which the limit does not apply",
        "Prescription Safety Portal",
        2026,
        "10 mg, 2 mg and 1 mg diazepam equivalent",
        "local policy/unverified: the floor is a product choice",
    ),
    "cks-2019": Citation(
        "Benzodiazepine and z-drug withdrawal",
        "NICE Clinical Knowledge Summaries",
        2019,
        "5 to 10 % every 1 to 2 weeks or an eighth fortnightly",
        note="extract of 2018 to 2019",
    ),
    "asam-2025-9": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 9: evaluate at each reduction",
    ),
    "asam-2025-maintenance": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "lower-dose maintenance may be agreed",
        note="number of the recommendation not seen",
    ),
    "tap-04": _unverified(
        "When a taper counts as come to a halt",
        "Prescription Safety Portal",
        2026,
        "84 days",
        "local policy/unverified: the guideline gives no time",
    ),
    "scotgov-2024-tolerance": Citation(
        "Quality prescribing for benzodiazepines and Z-drugs: a guide for improvement 2024 to 2027",
        "Scottish Government",
        2024,
        "pages 9 and 18: tolerance 5 to 7 days after a switch or first reduction, then review and "
        "reduce every 2 to 4 weeks",
    ),
    "asam-2025-11": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 11: first pause or slow when symptoms appear",
    ),
    "label-tapers": Citation(
        "Prescribing information of alprazolam and clonazepam",
        "US Food and Drug Administration",
        None,
        "dose reduction: 0.5 mg or 0.125 mg twice a day every 3 days",
    ),
    "asam-2025-5": Citation(
        "Joint clinical practice guideline on benzodiazepine tapering",
        "American Society of Addiction Medicine",
        2025,
        "recommendation 5: level of care, no dose threshold",
    ),
    "tap-07": _unverified(
        "Dose at which the level of care is asked",
        "Prescription Safety Portal",
        2026,
        "40 mg diazepam equivalent",
        "local policy/unverified: a product choice",
    ),
    "medicaid-85": Citation(
        "Early refill edits of state Medicaid programmes",
        "US state Medicaid programmes",
        None,
        "85 % of the supply used; payers 75 to 90 %",
    ),
    "ref-02": _unverified(
        "Replacement supplies",
        "Prescription Safety Portal",
        2026,
        "two in 180 days",
        "local policy/unverified: general knowledge",
    ),
    "multiple-providers": _unverified(
        "Studies of several providers of opioids, PMC3928962 among them (titles not read)",
        "Several groups",
        2014,
        "four or more providers: 11.9 %; each more raises overdose risk",
        "secondary: described, not cited by title; definitions vary from 2 to 4 or more",
    ),
    "pre-01": _unverified(
        "How many prescribers",
        "Prescription Safety Portal",
        2026,
        "two in 30 days, three and four in 180 days",
        "local policy/unverified: thresholds are product choices",
    ),
}
