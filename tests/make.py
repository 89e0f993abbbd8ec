"""The same few people in every test, and builders that reach a state by doing what a user does.

clara prescribes, ravi and samira review, ada and adam keep the formulary, audrey audits, maeve and
iris administer the practice, and `ehr` is a machine. All work at one practice unless a test says
otherwise.
"""

from datetime import timedelta
from functools import partial

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import governing, jobs, records, what_ifs
from reviews.governing import Grounds
from reviews.models import Case, Membership, Practice, Role, SecondFactor
from reviews.rules.engine import Engine
from reviews.structured_reviews import Given
from reviews.verbs import agree, examples, govern, prescribe, reviewing, screen, what_if

ROLES = {
    "clara": Role.CLINICIAN,
    "ravi": Role.REVIEWER,
    "samira": Role.REVIEWER,
    "ada": Role.FORMULARY_ADMIN,
    "adam": Role.FORMULARY_ADMIN,
    "audrey": Role.AUDITOR,
    "ehr": Role.INTEGRATION_CLIENT,
    "maeve": Role.PRACTICE_ADMIN,
    "iris": Role.PRACTICE_ADMIN,
}
LAST_NAMES = {
    "clara": "Moreau",
    "ravi": "Shah",
    "samira": "Okafor",
    "ada": "Lindqvist",
    "adam": "Byrne",
    "audrey": "Nolan",
    "maeve": "Sutton",
    "iris": "Penhale",
}
LATER = Engine(digest="1a7e" * 16, name="1a7e1a7e")
"""The engine of a later release."""
PASSWORD = "correct horse battery staple"


def practice(code="harbour", *, name="Harbour Street Surgery", profile="UK"):
    return Practice.objects.create(
        code=code, name=name, profile=profile, second_factor=SecondFactor.OPTIONAL
    )


def person(username, place, *roles):
    """A member of staff with these roles at `place` (by default the one they are known for)."""
    user, _ = User.objects.get_or_create(
        username=username,
        defaults={
            "first_name": username.capitalize(),
            "last_name": LAST_NAMES.get(username, ""),
            "email": f"{username}@example.org",
        },
    )
    if not user.password:
        user.set_password(PASSWORD)
        user.save()
    for role in roles or (ROLES[username],):
        Membership.objects.get_or_create(user=user, practice=place, role=role)
    user.__dict__.pop("_roles_by_practice", None)
    return user


collecting = False
"""Whether tests are only read so far, which may be before the midnight after which they run."""


def day(offset=0):
    """Today plus `offset` days."""
    if collecting:
        raise RuntimeError("This test may run on a later day: give a partial, as on_day does.")
    return timezone.localdate() + timedelta(days=offset)


def on_day(offset=0):
    """The same in what a test is parametrized with: of the day on which it runs."""
    return partial(day, offset)


def dated(told):
    """What is told, and what comes of each partial in its dicts, lists and tuples."""
    if isinstance(told, partial):
        return told()
    if isinstance(told, dict):
        return {name: dated(value) for name, value in told.items()}
    if type(told) in (list, tuple):
        return type(told)(map(dated, told))
    return told


def birth_date(age):
    """The birth date of somebody who turned `age` a month ago."""
    month_ago = day(-30)
    return month_ago.replace(year=month_ago.year - age, day=min(month_ago.day, 28))


def patient(place, by, *, age=45, family_name="Bell", given_name="Jonathan", **changes):
    identifiers = tuple(
        records.PatientIdentifier(system="nhs", value=value)
        for value in changes.pop("identifiers", ())
    )
    record = records.PatientRecord(
        family_name=family_name,
        given_name=given_name,
        birth_date=birth_date(age) if age is not None else None,
        sex=changes.pop("sex", "male"),
        identifiers=identifiers,
        **changes,
    )
    return prescribe.register(practice=place, record=record, by=by)


def record(medicine="Diazepam 5 mg tablets", *, start=-10, days=14, **changes):
    """A prescription record: one tablet twice a day from `start` days from today for `days`."""
    given = {
        "medicine": medicine,
        "dose": 1,
        "dose_unit": "tablet",
        "times_per_day": 2,
        "quantity": None if days is None else days * 2,
        "quantity_unit": "tablet",
        "days_supply": days,
        "start_on": day(start),
        "indication": "anxiety",
        **changes,
    }
    return records.convert(
        {name: value for name, value in given.items() if value is not None},
        records.PrescriptionRecord,
    )


def prescription(person_treated, by, medicine="Diazepam 5 mg tablets", **changes):
    return prescribe.log(patient=person_treated, record=record(medicine, **changes), by=by)


def review(person_treated, by, *, case=None, words=None, **changes):
    """A structured review that was done: it goes on, and a taper was offered and declined."""
    given = {
        "outcome": "done",
        "reviewed_on": day(),
        "answers": {"came_to": ("declined",)},
        "words": words or {},
        **changes,
    }
    return reviewing.record(patient=person_treated, given=Given(**given), by=by, case=case)


def flagged_case(place, *, logged_by, age=45, days=35, medicine="Diazepam 5 mg tablets", **changes):
    """A case that screening opened: more than 28 days of diazepam for anxiety."""
    treated = patient(place, logged_by, age=age)
    prescription(treated, logged_by, medicine, start=-days + 1, days=days, **changes)
    screen.drain()
    return Case.objects.open().get(patient=treated)


def urgent_case(place, *, logged_by):
    """A case with an S1 flag: morphine started during diazepam."""
    treated = patient(place, logged_by)
    prescription(treated, logged_by, start=-5, days=14)
    prescription(treated, logged_by, "Morphine 10 mg tablets", start=-1, days=7, indication="pain")
    screen.drain()
    return Case.objects.open().get(patient=treated)


def case_of_three_matters(place, *, logged_by):
    """Long use at 79, morphine since yesterday and mirtazapine: many findings, three cards."""
    treated = patient(place, logged_by, age=79)
    for start in (-130, -102, -74, -46, -18):
        prescription(treated, logged_by, start=start, days=28)
    prescription(treated, logged_by, "Morphine 10 mg tablets", start=-1, days=7, indication="pain")
    prescription(
        treated, logged_by, "Mirtazapine 15 mg tablets", start=-20, days=28, indication="other"
    )
    screen.drain()
    return Case.objects.open().get(patient=treated)


def example(by, *, days=35, expected="flag", title="35 days for anxiety", **changes):
    """A worked example of DUR-01: somebody who has so many days of diazepam from the day judged."""
    given = {
        "rule_id": "DUR-01",
        "title": title,
        "profile": "" if changes.get("practice") else "UK",
        "expected": expected,
        "record": {"age": 45, "medicines": [medicine(days=days)]},
        "grounds": grounds(),
        "invented": True,
    }
    return examples.add(**given | changes, by=by)


def medicine(text="diazepam 5 mg tablets", **changes):
    """A medicine of a worked example: one tablet twice a day for anxiety, from the day judged."""
    given = {"text": text, "start": 0, "days": 28, "amount": 1, "unit": "tablet", "times": 2}
    return {**given, "indication": "anxiety", **changes}


def grounds(**changes):
    """Who says so, of an edit or an example."""
    given = {
        "source": "Harbour prescribing policy 2026",
        "locator": "section 4.2",
        "next_review": day(180),
        "reason": "We want the talk in the second week.",
    }
    return Grounds(**given | changes)


def taken(draft, rows, by):
    """The edits of a file that somebody takes into a draft, as its report shows it to them."""
    seen = governing.as_reported(governing.report(draft, rows))
    return govern.take_file(draft=draft, rows=rows, seen=seen, by=by)


def tried(version, *, by=None):
    """A draft that only waits for somebody to publish it.

    A what-if was run for it to its end, asked for by whoever drafted it, who also said why it
    breaks the worked examples that it breaks; and each formulary admin who edited nothing of it has
    agreed to each of its edits.
    """
    by = by or version.drafted_by
    asked = what_if.ask(version=version, by=by)
    jobs.work({what_ifs.KIND: what_if.work}, seconds=600)
    asked.refresh_from_db()
    if asked.finished_at is None:
        raise AssertionError(f"The what-if did not finish: {asked.job.error}")
    explained(version, by)
    for admin in User.objects.filter(memberships__role="formulary_admin").distinct():
        if governing.no_second_person(version, admin) is None:
            agreed(version, admin)
    return version


def explained(version, by, reason="The limit moved, and the example with it."):
    """A draft with a stated reason for each worked example that it breaks."""
    left = list(version.broken_examples.filter(explained_at=None).values_list("pk", flat=True))
    if left:
        examples.explain(version=version, broken=left, reason=reason, by=by)
    return version


def agreed(version, by):
    """A draft to each of whose edits `by` agreed."""
    for edit in governing.edits_of(version):
        agree.agree(version=version, change=edit, words="I read the source.", by=by)
    return version
