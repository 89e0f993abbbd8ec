"""The export: whole, of one moment, without names, and enough to recompute a rule without us."""

import csv
import json
import random
from collections import defaultdict
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from reviews import records
from reviews.management.commands import export
from reviews.rules import ENGINE
from reviews.verbs import exempt, medicine_meanings, observe, prescribe, screen, sync
from tests import database, make

pytestmark = pytest.mark.django_db(transaction=True)
FILES = {
    *("patients", "prescriptions", "conditions", "readings", "exemptions", "tapers"),
    *("screenings", "flags", "decisions", "export", "book"),
}
GAP_DAYS, CARRIED_DAYS = 14, 15
NOTE_OVER_DAYS, REVIEW_OVER_DAYS = 14, 28


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def table(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- What is in it ---------------------------------------------------------------------------------


def test_everything_live_is_there_and_nobody_is_named(folder, harbour, clara, ravi, capsys):
    bell = make.patient(harbour, clara, identifiers=["9990001234"], family_name="Zanzibar")
    old = make.prescription(bell, clara, start=-34, days=35, prescriber="Dr Quixote")
    kept = prescribe.amend(
        prescription=old,
        record=make.record(start=-34, days=35, prescriber="Dr Quixote", team="Team Falstaff"),
        by=clara,
    )
    make.prescription(bell, clara, "Zorbelix for Mrs Zanzibar", days=None)
    asthma = records.ConditionRecord(
        text="Asthma, told by Mrs Zanzibar",
        codings=(records.Coding("http://snomed.info/sct", "195967001", "Asthma"),),
    )
    prescribe.record_condition(patient=bell, record=asthma, by=clara)
    reading = {"kind": "egfr", "value": 48.5, "on": make.day(-3)}
    observe.record_reading(
        patient=bell, record=records.convert(reading, records.ReadingRecord), by=clara
    )
    screen.drain()
    exempt.exempt(
        patient=bell,
        kind="spasticity_neurological",
        evidence="Letter of Dr Quixote",
        expires_on=make.day(90),
        by=ravi,
    )
    call_command("export", str(folder))

    assert {path.stem for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    (person,) = table(folder, "patients")
    assert (person["patient_id"], person["practice"], person["profile"]) == (
        str(bell.pk),
        "harbour",
        "UK",
    )
    lines = {row["prescription_id"]: row for row in table(folder, "prescriptions")}
    assert len(lines) == 2
    row = lines[str(kept.pk)]
    assert {name: row[name] for name in export.PRESCRIPTIONS[1:11]} == {
        "patient_id": str(bell.pk),
        "ingredients": "diazepam",
        "classes": "benzodiazepine",
        "route": row["route"],
        "start": make.day(-34).isoformat(),
        "days_supply": "35",
        "mg_per_day": "10",
        "as_needed": "f",
        "indication": "anxiety",
        "status": "active",
    }
    (other,) = [row for pk, row in lines.items() if pk != str(kept.pk)]
    assert (other["ingredients"], other["days_supply"]) == ("", "")
    (condition,) = table(folder, "conditions")
    assert (condition["codes"], "text" in condition) == ("snomed|195967001", False)
    (egfr,) = table(folder, "readings")
    assert (egfr["kind"], egfr["value"], egfr["on"]) == (
        "egfr",
        "48.5",
        make.day(-3).isoformat(),
    )
    (granted,) = table(folder, "exemptions")
    assert (granted["kind"], granted["owner"]) == ("spasticity_neurological", str(ravi.pk))
    flags = {row["rule_id"]: row for row in table(folder, "flags")}
    assert flags["DUR-01"]["prescription_ids"] == str(kept.pk)
    facts = {fact["name"]: fact["value"] for fact in json.loads(flags["DUR-01"]["facts"])}
    assert facts["exposed_days"] == 35
    (screened,) = table(folder, "screenings")
    assert "REN-01" not in screened["not_evaluable"].split(";")
    assert {gap["rule_id"] for gap in json.loads(screened["reasons"])} == set(
        filter(None, screened["not_evaluable"].split(";"))
    )
    book = json.loads((folder / "book.json").read_text())
    assert book["number"] == int(screened["book"])
    assert screened["engine"] == ENGINE.name
    assert book["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"] == 30
    assert book["rules"]["DUR-01"]["UK"]["s2_over_days"] == 28

    written = "".join(path.read_text() for path in folder.iterdir())
    named = ("Zanzibar", "Jonathan", "9990001234", "Quixote", "Falstaff", "Moreau", "Shah")
    for name in named:
        assert name not in written
    assert "flags.csv: " in capsys.readouterr().out

    call_command("export", str(folder.with_name("text")), with_text=True, verbosity=0)
    (condition,) = table(folder.with_name("text"), "conditions")
    assert condition["text"] == "Asthma, told by Mrs Zanzibar"


def test_files_have_an_order_wherever_the_rows_lie(folder, harbour, clara):
    for _ in range(2):
        treated = make.patient(harbour, clara)
        for start in (-34, -5):
            make.prescription(treated, clara, start=start, days=35)
            reading = {"kind": "egfr", "value": 48.5, "on": make.day(start)}
            observe.record_reading(
                patient=treated, record=records.convert(reading, records.ReadingRecord), by=clara
            )
            prescribe.record_condition(
                patient=treated, record=records.ConditionRecord(text="Asthma"), by=clara
            )
    screen.drain()
    call_command("export", str(folder), verbosity=0)
    with database.without_triggers() as cursor:
        for name in ("patient", "prescription", "reading", "condition", "flag"):
            # The row that came first comes last now.
            first = f"(SELECT min(id) FROM reviews_{name})"
            cursor.execute(f"UPDATE reviews_{name} SET id = id WHERE id = {first}")
        cursor.execute(
            "UPDATE reviews_patientscreening SET patient_id = patient_id WHERE patient_id ="
            " (SELECT min(patient_id) FROM reviews_patientscreening)"
        )
    call_command("export", str(folder.with_name("again")), verbosity=0)
    for path in folder.glob("*.csv"):
        if path.stem != "export":
            assert path.read_text() == (folder.with_name("again") / path.name).read_text()


def test_it_is_written_whole_or_not_at_all_and_over_nothing(folder, harbour, clara, monkeypatch):
    make.patient(harbour, clara)
    folder.mkdir()
    call_command("export", str(folder), verbosity=0)
    before = (folder / "patients.csv").read_text()
    with pytest.raises(CommandError, match="is not empty"):
        call_command("export", str(folder))
    assert (folder / "patients.csv").read_text() == before
    with pytest.raises(CommandError, match="is not a directory"):
        call_command("export", str(folder / "patients.csv"))

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_prescriptions", full)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export", str(folder.with_name("half")))
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_all_files_are_of_one_moment(folder, harbour, clara, monkeypatch):
    """Somebody registers and logs while the export is on its way: neither is in it, or both."""
    make.patient(harbour, clara)
    original = export._copy

    def meanwhile(cursor, query, path):
        count = original(cursor, query, path)
        if path.stem == "patients":
            other = connection.copy()
            with other.cursor() as elsewhere:
                elsewhere.execute(
                    "INSERT INTO reviews_reading (patient_id, practice_id, record_id, version,"
                    " kind, value, unit, text, dated_on, status, source_system, source_id, digest)"
                    " SELECT id, practice_id, gen_random_uuid(), 1,"
                    " 'egfr', 1, '', '', now(), 'final', 'x', 'y', '' FROM reviews_patient"
                )
            other.close()
        return count

    monkeypatch.setattr(export, "_copy", meanwhile)
    call_command("export", str(folder), verbosity=0)
    assert table(folder, "readings") == []
    monkeypatch.undo()
    call_command("export", str(folder.with_name("later")), verbosity=0)
    assert len(table(folder.with_name("later"), "readings")) == 1


# -- Recomputing a rule from the files alone -------------------------------------------------------

STORIES = {
    "exactly the limit": [("diazepam", -27, 28)],
    "one day over": [("diazepam", -28, 29)],
    "two weeks": [("diazepam", -13, 14)],
    "two weeks and a day": [("diazepam", -14, 15)],
    "a long gap begins anew": [("diazepam", -60, 20), ("diazepam", -20, 21)],
    "a short gap is bridged": [("diazepam", -50, 20), ("diazepam", -20, 21)],
    "an early refill is carried forward": [("diazepam", -20, 15), ("diazepam", -10, 14)],
    "another medicine is not": [("diazepam", -20, 15), ("lorazepam", -10, 14)],
    "over long ago": [("diazepam", -200, 40)],
}
PRODUCTS = {"diazepam": "Diazepam 5 mg tablets", "lorazepam": "Lorazepam 1 mg tablets"}


def random_story(rng):
    starts = sorted(rng.sample(range(-75, 1), rng.randrange(1, 4)))
    return [(rng.choice(list(PRODUCTS)), start, rng.randrange(5, 25)) for start in starts]


def naive_dur_01(folder):
    """DUR-01 of UK practices, by day-by-day sets, from the CSV files and docs/export.md alone."""
    (about,) = table(folder, "export")
    today = date.fromisoformat(about["as_of"])
    supplies = defaultdict(list)
    for row in table(folder, "prescriptions"):
        if row["classes"] in ("benzodiazepine", "z-drug") and row["indication"] == "anxiety":
            start = date.fromisoformat(row["start"])
            supplies[row["patient_id"]].append((row["ingredients"], start, int(row["days_supply"])))
    found = {}
    for patient_id, given in supplies.items():
        covered = set()
        for ingredient in {name for name, _, _ in given}:
            stock_end = date.min
            for _, start, days in sorted(item for item in given if item[0] == ingredient):
                shift = min(max(0, (stock_end - start).days + 1), CARRIED_DAYS)
                first = start + timedelta(days=shift)
                covered |= {first + timedelta(days=n) for n in range(days)}
                stock_end = first + timedelta(days=days - 1)
        episode = []
        for day in sorted(covered):
            if episode and (day - episode[-1]).days - 1 > GAP_DAYS:
                episode = []
            episode.append(day)
        if (today - episode[-1]).days > GAP_DAYS + 1:
            continue
        if len(episode) > REVIEW_OVER_DAYS:
            found[patient_id] = (2, len(episode))
        elif len(episode) > NOTE_OVER_DAYS:
            found[patient_id] = (4, len(episode))
    return found


def test_a_third_party_finds_the_same_from_the_files_alone(folder, harbour, ehr):
    rng = random.Random(20)
    stories = [*STORIES.values(), *(random_story(rng) for _ in range(40))]
    rows = [
        {
            "source_id": f"{number}-{place}",
            "patient": {
                "identifiers": [{"system": "nhs", "value": str(number)}],
                "family_name": "Bell",
                "birth_date": "1980-01-01",
            },
            "medicine": PRODUCTS[name],
            "dose": 1,
            "dose_unit": "tablet",
            "times_per_day": 2,
            "days_supply": days,
            "start_on": make.day(start).isoformat(),
            "indication": "anxiety",
        }
        for number, story in enumerate(stories)
        for place, (name, start, days) in enumerate(story)
    ]
    assert sync.prescriptions(rows=enumerate(rows), source_system="ehr", by=ehr).refused == 0
    screen.drain()
    call_command("export", str(folder), verbosity=0)
    told = {}
    for row in table(folder, "flags"):
        if row["rule_id"] == "DUR-01":
            facts = {fact["name"]: fact["value"] for fact in json.loads(row["facts"])}
            told[row["patient_id"]] = (int(row["severity"]), facts["exposed_days"])
    assert told == naive_dur_01(folder)
    assert {severity for severity, _ in told.values()} == {2, 4}
    assert len(told) < len(stories)


def test_what_somebody_said_a_text_is_is_read_as_that(folder, harbour, clara, ravi):
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, "Relaxonel 10 mg")
    medicine_meanings.say(
        text="Relaxonel 10 mg", medicine="diazepam 10 mg tablets", practice=harbour, by=ravi
    )
    call_command("export", str(folder), verbosity=0)
    (row,) = table(folder, "prescriptions")
    assert (row["ingredients"], row["strengths_mg"], row["form"]) == ("diazepam", "10", "tablet")
    assert "said by somebody" in row["worked_out"]
    assert "Relaxonel" not in str(row)
