"""The case page of somebody with 300 prescriptions. The same page with three is the floor."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from benchmarks.queue import page
from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from reviews import records
from reviews.models import Case, Practice
from reviews.verbs import prescribe, screen

AIM = 4
FEW, MANY = 3, 300
EVERY_DAYS = 28
MEDICINES = (
    "Diazepam 5 mg tablets",
    "Morphine 10 mg tablets",
    "Zopiclone 7.5 mg tablets",
    "Pregabalin 75 mg capsules",
    "Sertraline 50 mg tablets",
    "Amlodipine 5 mg tablets",
    "Omeprazole 20 mg capsules",
    "Mirtazapine 15 mg tablets",
    "Lorazepam 1 mg tablets",
    "Promethazine 25 mg tablets",
)


def measure():
    """One row: the page with many prescriptions beside the page with a few."""
    collect_static()
    times = {}
    for count in (FEW, MANY):
        with step(f"Case page with {count} prescriptions"):
            times[count] = page(f"/cases/{case_with(count).pk}")
    return [
        Row(
            what=f"Case page with {MANY} prescriptions",
            ratio=times[MANY] / times[FEW],
            aim=AIM,
            floor=f"with {FEW}: {times[FEW] * 1000:.0f} ms",
            measured=f"{times[MANY] * 1000:.0f} ms",
        )
    ]


def case_with(count):
    """The open case of a new person with so many prescriptions, each of 28 days, up to today."""
    clara = User.objects.get(username="clara")
    today = timezone.localdate()
    patient = prescribe.register(
        practice=Practice.objects.get(code="harbour-street"),
        record=records.PatientRecord(family_name=f"Many {count}", birth_date=today.replace(1955)),
        by=clara,
    )
    for n in range(count):
        record = records.convert(
            {
                "medicine": MEDICINES[n % len(MEDICINES)],
                "dose": 1,
                "dose_unit": "tablet",
                "times_per_day": 1,
                "days_supply": EVERY_DAYS,
                "start_on": today - timedelta(days=7 + EVERY_DAYS * (n // len(MEDICINES))),
                "indication": "anxiety",
            },
            records.PrescriptionRecord,
        )
        prescribe.log(patient=patient, record=record, by=clara)
    screen.drain()
    return Case.objects.open().get(patient=patient)
