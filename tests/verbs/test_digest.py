"""The digest: to whom, when, what it says and must not say, and never twice."""

import re
import smtplib
from datetime import date, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from portal.celery import app
from reviews import access, tasks
from reviews.errors import BadRecord
from reviews.models import AuditEvent, Case, Preference, Role
from reviews.queries import upkeep as upkeep_lines
from reviews.verbs import caseload, digest, upkeep
from tests import make
from tests.web.browse import Browser, words

FRIDAY, SATURDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)


@pytest.fixture
def case(harbour, clara):
    """Overdue: there is something to say to whoever sees it."""
    case = make.urgent_case(harbour, logged_by=clara)
    Case.objects.filter(pk=case.pk).update(due_at=timezone.now() - timedelta(days=1))
    case.refresh_from_db()
    return case


def wants(user, how_often="daily"):
    digest.choose(how_often=how_often, by=user)
    return user


def sent_to():
    return [address for message in mail.outbox for address in message.to]


@pytest.mark.parametrize(
    ("how_often", "days"),
    [
        ("off", []),
        ("daily", [FRIDAY, SATURDAY, MONDAY]),
        ("working_days", [FRIDAY, MONDAY]),
        ("mondays", [MONDAY]),
    ],
)
def test_on_which_days(case, ravi, how_often, days):
    wants(ravi, how_often)
    assert [day for day in (FRIDAY, SATURDAY, MONDAY) if digest.send(day=day)] == days
    assert sent_to() == ["ravi@example.org"] * len(days)


def test_it_says_how_many_and_where_and_names_nobody(case, ravi, samira, settings):
    settings.PORTAL_URL = "https://portal.example"
    caseload.claim(case=case, by=samira, seen=case.lock)
    case.refresh_from_db()
    caseload.hand_over(case=case, to=ravi, reason="Edith is mine", by=samira, seen=case.lock)
    digest.send()
    assert not mail.outbox  # nobody asked for it yet
    wants(ravi)
    digest.send()
    (message,) = mail.outbox
    assert message.subject == "What waits for you"
    assert "1 claimed by you\n    https://portal.example/my-work\n" in message.body
    assert "1 overdue\n    https://portal.example/?due=overdue\n" in message.body
    assert "https://portal.example/preferences" in message.body
    said = message.subject + message.body
    patient = case.patient
    clinical = [patient.family_name, patient.given_name, "morphine", "diazepam", "Edith"]
    for word in [*clinical, case.headline, "Harbour", "Ravi", "Samira", "Clara"]:
        assert not re.search(word, said, re.IGNORECASE), word


def test_it_goes_by_role_and_practice(case, harbour, lakeside, clara, ravi, ada, audrey):
    stranger = make.person("stranger", lakeside, Role.REVIEWER)
    for user in (clara, ravi, ada, audrey, stranger):
        wants(user)
    said = {
        user.username: [words for _, words, _ in digest.lines_for(user)]
        for user in (clara, ravi, ada, audrey, stranger)
    }
    assert "urgent, claimed by nobody" in said["ravi"]
    assert said["clara"] == said["audrey"] == ["overdue"]
    assert "overdue" not in said["ada"]
    assert said["stranger"] == []
    digest.send()
    assert "stranger@example.org" not in sent_to()


def test_nobody_gets_two_for_one_day(case, ravi, samira):
    for user in (ravi, samira):
        wants(user)
    assert digest.send() == 2
    assert digest.send() == 0
    assert sorted(sent_to()) == ["ravi@example.org", "samira@example.org"]
    assert AuditEvent.objects.filter(verb="digest.sent").count() == 2
    assert digest.send(day=make.day(1)) == 2


def test_of_two_workers_one_sends(case, ravi):
    wants(ravi)
    preference = Preference.objects.get(user=ravi)
    assert digest._mark(preference, make.day()) == 1
    assert digest._mark(preference, make.day()) == 0


def test_a_worker_that_dies_in_between_sends_no_second_one(case, ravi, samira, monkeypatch):
    """Killed after the mail left: whoever goes on must not send it again."""

    class Killed(BaseException):
        pass

    def die(self, messages):
        EmailBackend.send_messages(self, messages)
        raise Killed

    for user in (ravi, samira):
        wants(user)
    dying = type("Dying", (EmailBackend,), {"send_messages": die})
    monkeypatch.setattr(digest, "get_connection", dying)
    with pytest.raises(Killed):
        digest.send()
    monkeypatch.undo()
    assert digest.send() == 1
    assert sorted(sent_to()) == ["ravi@example.org", "samira@example.org"]


def test_without_a_mail_server_everybody_waits_for_the_next_run(case, ravi, monkeypatch):
    def refuse(self):
        raise ConnectionRefusedError

    wants(ravi)
    monkeypatch.setattr(digest, "get_connection", type("Away", (EmailBackend,), {"open": refuse}))
    assert digest.send() == 0
    monkeypatch.undo()
    assert digest.send() == 1


def test_one_refused_address_keeps_nobody_else_from_theirs(case, ravi, samira, monkeypatch):
    def refuse(self, messages):
        raise smtplib.SMTPRecipientsRefused({"ravi@example.org": (550, b"no such person")})

    for user in (ravi, samira):
        wants(user)
    monkeypatch.setattr(
        digest, "get_connection", type("Refusing", (EmailBackend,), {"send_messages": refuse})
    )
    assert digest.send() == 0
    monkeypatch.undo()
    assert digest.send() == 1


def test_nothing_is_sent_where_nothing_waits_or_nobody_reads(harbour, ravi, samira, clara):
    wants(ravi)
    assert digest.send() == 0
    make.urgent_case(harbour, logged_by=clara)
    wants(samira).email = ""
    samira.save()
    wants(clara).is_active = False
    clara.save()
    digest.send(day=make.day(1))
    assert sent_to() == ["ravi@example.org"]


def test_the_clock_of_beat_rings_for_it(case, ravi):
    wants(ravi)
    assert app.conf.beat_schedule["digest"]["task"] == tasks.send_digests.name
    tasks.send_digests()
    assert sent_to() == ["ravi@example.org"]


def test_the_choice_is_made_on_the_preferences_page(ravi, harbour):
    browser = Browser(ravi)
    assert 'value="off" checked' in browser.get("/preferences").content.decode()
    browser.post("/preferences/digest", digest="working_days")
    assert 'value="working_days" checked' in browser.get("/preferences").content.decode()
    assert "Not saved" in words(browser.follow("/preferences/digest", digest="hourly"))
    assert Preference.objects.get(user=ravi).digest == "working_days"
    with pytest.raises(BadRecord):
        digest.choose(how_often="", by=ravi)


# -- Upkeep, once a week ---------------------------------------------------------------------------


def test_on_mondays_who_keeps_the_formulary_reads_the_lines_of_upkeep(rulebook, ada, settings):
    settings.PORTAL_URL = "https://portal.example"
    wants(ada)
    with access.seeing_as(ada):
        lines = upkeep_lines.of(ada).unverified
    kept = upkeep.give(key=lines[0].key, owner_id=ada.pk, due_on=make.day(5), by=ada)
    assert digest.send(day=MONDAY) == 1
    (message,) = mail.outbox
    said = message.body
    assert (
        "rows not checked against the original\n    https://portal.example/upkeep#unverified"
        in (said)
    )
    yours = said.split("Yours:")[1].split("Who has what")[0]
    assert kept.title in yours
    assert f"by {make.day(5):%-d %b %Y}" in yours
    assert "Ada Lindqvist: 0, 1, 1" in said


def test_texts_of_records_are_only_counted_in_it(rulebook, harbour, clara, ada):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, "Zzyzx 5 mg tablets", start=-3, days=14)
    wants(ada)
    digest.send(day=MONDAY)
    (message,) = mail.outbox
    assert "1 medicines that no rule can read" in message.body
    assert "Zzyzx" not in message.body


@pytest.mark.parametrize("day", [FRIDAY, SATURDAY])
def test_on_other_days_nobody_does(rulebook, ada, day):
    with access.seeing_as(ada):
        assert digest.weekly_for(ada, day) is None
        assert digest.weekly_for(ada, MONDAY) is not None


def test_only_who_keeps_the_formulary_does(case, clara, ravi, audrey):
    for user in (clara, ravi, audrey):
        with access.seeing_as(user):
            assert digest.weekly_for(user, MONDAY) is None
