"""The pages of a practice admin, and of whoever is invited."""

import re
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import timezone

from reviews.models import (
    AuditEvent,
    Case,
    FactorReset,
    Leaving,
    Membership,
    Practice,
    RegisterEntry,
    Role,
)
from reviews.verbs import caseload, invitations, leaving
from tests import make
from tests.portal.factors import age_session
from tests.web.browse import Browser, heading, words

PASSWORD = "a long walk by the canal"


def invited(harbour, maeve, **changes):
    given = {"family_name": "Ashby", "given_name": "Tom", "roles": ["clinician"], **changes}
    return invitations.invite(practice=harbour, by=maeve, **given)


def address_of(person, practice, more=""):
    return f"/people/{practice.pk}/{person.pk}{more}"


# -- Who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role != Role.PRACTICE_ADMIN])
def test_nobody_else_has_these_pages(harbour, maeve, clara, role):
    browser = Browser(make.person("somebody", harbour, role))
    waiting = invited(harbour, maeve).invitation
    if role == Role.PROVISIONING_CLIENT:
        return  # a key signs in nowhere
    for address in (
        "/people",
        f"/people/{harbour.pk}",
        address_of(clara, harbour),
        address_of(clara, harbour, "/leave"),
        f"/people/practices/{harbour.pk}",
        "/people/practices/new",
    ):
        assert browser.get(address).status_code == 403, address
    for address in (
        f"/people/{harbour.pk}/invite",
        address_of(clara, harbour),
        address_of(clara, harbour, "/register"),
        address_of(clara, harbour, "/reset"),
        address_of(clara, harbour, "/leave"),
    ):
        assert browser.post(address, do="now").status_code == 403, address
    for move in ("renew", "withdraw"):
        address = f"/people/invitations/{waiting.pk}/{move}"
        assert browser.post(address).status_code in (403, 404)
    assert "People" not in browser.get("/formulary").content.decode().split("<main")[0]


def test_another_practice_is_not_there(harbour, lakeside, maeve):
    eve = make.person("eve", lakeside, Role.CLINICIAN)
    browser = Browser(maeve)
    for address in (
        f"/people/{lakeside.pk}",
        f"/people/{lakeside.pk}/invite",
        address_of(eve, lakeside),
        address_of(eve, harbour),
        f"/people/practices/{lakeside.pk}",
    ):
        assert browser.get(address).status_code == 404, address


def test_a_practice_admin_sees_nothing_of_a_patient_at_any_address(harbour, maeve, clara):
    """Every address of the portal, with the ids of what is there."""
    case = make.flagged_case(harbour, logged_by=clara)
    browser, clinical = Browser(maeve), re.compile(r"BELL|Bell, |Jonathan|[Dd]iazepam 5")
    seen = set()
    for name, address in addresses(case):
        response = browser.get(address)
        text = response.content.decode(errors="replace")
        assert not clinical.search(text), (name, address)
        seen.add(response.status_code)
        if name.startswith(("patient", "case", "prescription", "taper")):
            assert response.status_code in (403, 404, 405), (name, response.status_code)
    assert {200, 403} <= seen


def addresses(case):
    """Every named address below `reviews.urls` that takes numbers, filled with ids of one case."""
    prescription = case.patient.prescriptions.first()
    for name, found in get_resolver("reviews.urls").reverse_dict.lists():
        if not isinstance(name, str):
            continue
        pk = case.patient_id
        if "case" in name:
            pk = case.pk
        elif "prescription" in name:
            pk = prescription.pk
        for possibilities, *_ in found:
            for _, parameters in possibilities:
                with suppress(NoReverseMatch):
                    yield name, reverse(name, kwargs=dict.fromkeys(parameters, pk))


# -- The page ----------------------------------------------------------------------------------


def test_the_page_says_who_works_here_and_what_is_to_be_done(harbour, maeve, clara, ravi):
    RegisterEntry.objects.create(
        user=clara,
        practice=harbour,
        register="GMC",
        number="9000017",
        status="registered",
        checked_on=make.day(-400),
        checked_by=maeve,
    )
    Authenticator.objects.create(user=maeve, type="totp", data={"secret": "x"})
    invited(harbour, maeve)
    page = Browser(maeve).get("/people")
    assert heading(page) == "3 people, 1 invited"
    text = words(page)
    assert "Clara Moreau has GMC 9000017, last checked on" in text
    assert "Ravi Shah has no professional number on file" in text
    assert "There is one practice admin" in text
    assert "Tom Ashby , clinician" in text or "Tom Ashby, clinician" in text


def test_who_administers_starts_at_the_people(maeve):
    assert Browser(maeve).client.get("/")["Location"] == "/people"


def test_a_printed_code_is_shown_once(harbour, maeve):
    browser = Browser(maeve)
    made = browser.post(
        f"/people/{harbour.pk}/invite", family_name="Ashby", roles=["clinician"], days="7"
    )
    assert heading(made) == "Print this code now: it is not shown again"
    assert "no-store" in made["Cache-Control"]
    code = re.search(r'id="code">([^<]+)<', made.content.decode())[1]
    assert invitations.of_code(code)
    assert code not in browser.get("/people").content.decode()


def test_what_cannot_be_invited_comes_back_with_the_reason(harbour, maeve):
    answer = Browser(maeve).post(f"/people/{harbour.pk}/invite", family_name="", days="7")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert text.count("This field is required.") >= 2
    assert "formulary_admin" not in text, "what may not be given is not offered"


def test_roles_are_changed_on_the_page_of_a_person(harbour, maeve, clara):
    browser = Browser(maeve)
    page = browser.follow(address_of(clara, harbour), roles=["clinician", "reviewer"])
    assert "Clara Moreau is clinician, reviewer here." in words(page)
    own = browser.post(address_of(maeve, harbour), roles=["practice_admin", "clinician"])
    assert own.status_code == 403
    last = browser.post(address_of(maeve, harbour), roles=["clinician"])
    assert last.status_code == 403, "a role that is given counts first"
    assert set(Membership.objects.filter(user=maeve).values_list("role", flat=True)) == {
        "practice_admin"
    }


def test_a_check_is_recorded_on_the_page_of_a_person(harbour, maeve, clara):
    answer = Browser(maeve).follow(
        address_of(clara, harbour, "/register"),
        register="GMC",
        number="9000017",
        status="registered",
        checked_on="today",
    )
    assert answer.status_code == 422
    Browser(maeve).follow(
        address_of(clara, harbour, "/register"),
        register="GMC",
        number="9000017",
        status="registered",
        checked_on=f"{make.day():%-d %b %Y}",
    )
    assert RegisterEntry.objects.get().checked_by == maeve
    assert "Registered" in Browser(maeve).read(address_of(clara, harbour))


def test_somebody_leaves_on_a_day_stays_or_is_blocked_now(harbour, maeve, clara, ravi, samira):
    case = make.flagged_case(harbour, logged_by=clara)
    caseload.claim(case=case, by=ravi, seen=case.lock)
    browser, address = Browser(maeve), address_of(ravi, harbour, "/leave")
    page = browser.read(address)
    assert "Cases they hold 1" in page
    missing = browser.post(address, do="plan", day="", time="17:00")
    assert missing.status_code == 422
    day = f"{make.day(2):%-d %b %Y}"
    browser.post(address, do="plan", day=day, time="17:00", cases_to=samira.pk)
    there = timezone.localtime(Leaving.objects.get().at, harbour.zone)
    assert (there.date(), there.hour) == (make.day(2), 17)
    assert "Ravi Shah leaves on" in browser.read(address)
    browser.post(address, do="stay")
    assert Leaving.objects.get().withdrawn_at
    hers = Browser(ravi)
    assert hers.get("/").status_code == 200
    done = browser.follow(address, do="now", cases_to=samira.pk)
    assert "Ravi Shah has left and is blocked. Handed over: 1 case." in words(done)
    assert Case.objects.get(pk=case.pk).owner == samira
    assert hers.get("/").status_code == 302, "signed out"


@pytest.mark.parametrize("day", ["31 Dec 9999", "31 Dec 2199"])
def test_a_last_day_far_ahead_breaks_no_page(harbour, maeve, ravi, day):
    browser, address = Browser(maeve), address_of(ravi, harbour, "/leave")
    refused = browser.post(address, do="plan", day=day, time="23:59")
    assert refused.status_code == 422
    assert "outside 1900 to 2199" in words(refused) or "two years" in words(refused)
    with pytest.raises(CommandError, match="two years"):
        call_command("people", "harbour", leaves="ravi", at=datetime(9999, 12, 31, 23, 59))  # noqa: DTZ001
    assert browser.get(f"/people/{harbour.pk}").status_code == 200


def test_two_admins_reset_a_factor_and_its_owner_is_told_at_sign_in(harbour, maeve, iris, clara):
    Authenticator.objects.create(user=clara, type="totp", data={"secret": "x"})
    Browser(maeve).post(address_of(clara, harbour, "/reset"), reason="seen in person")
    page = Browser(iris).get("/people")
    assert "seen in person" in words(page)
    [address] = re.findall(r'action="(/people/resets/\d+)"', page.content.decode())
    assert Browser(maeve).post(address, answer="agree").status_code == 403
    assert "is reset" in words(Browser(iris).follow(address, answer="agree"))
    assert not Authenticator.objects.filter(user=clara).exists()
    client = Client()
    client.post("/accounts/login/", {"login": "clara", "password": make.PASSWORD})
    said = words(client.get("/", follow=True))
    assert "Maeve Sutton asked, Iris Penhale agreed" in said
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": "clara", "password": make.PASSWORD})
    assert "asked" not in words(client.get("/", follow=True))


def test_an_answer_to_a_reset_that_is_none_answers_nothing(harbour, maeve, iris, clara):
    Authenticator.objects.create(user=clara, type="totp", data={"secret": "x"})
    Browser(maeve).post(address_of(clara, harbour, "/reset"), reason="seen in person")
    reset = FactorReset.objects.get()
    for who in (maeve, iris):
        for answer in ("yes", "", "Agree"):
            assert Browser(who).post(f"/people/resets/{reset.pk}", answer=answer).status_code == 400
    reset.refresh_from_db()
    assert reset.answer == ""
    Browser(maeve).post(f"/people/resets/{reset.pk}", answer="refuse")
    reset.refresh_from_db()
    assert reset.answer == "lapsed"


def test_who_leaves_is_told_of_what_they_offered_and_with_the_year(harbour, maeve, iris):
    invited(harbour, iris, roles=["reviewer"])
    browser, address = Browser(maeve), address_of(iris, harbour, "/leave")
    assert "Tom Ashby, reviewer: ends" in browser.read(address)
    day = make.day(400)
    browser.post(address, do="plan", day=f"{day:%-d %b %Y}", time="17:00")
    for page in (f"/people/{harbour.pk}", address_of(iris, harbour)):
        assert f"{day:%a %-d %b %Y}" in browser.read(page)


def test_two_of_one_name_are_pointed_out(harbour, maeve, ravi):
    code = invited(harbour, maeve, family_name="Sh\u00e0h", given_name="Ravi").code
    invitations.accept(code=code, username="rshah", given_name="Ravi", password=PASSWORD)
    assert "rshah; ravi has this name too" in Browser(maeve).read(f"/people/{harbour.pk}")


def test_a_code_that_was_shown_once_is_said_to_be_gone(harbour, maeve):
    browser, address = Browser(maeve), f"/people/{harbour.pk}/invite"
    sent = {"family_name": "Ashby", "roles": ["clinician"], "days": "7", "press": "a"}
    assert browser.post(address, **sent).status_code == 200
    again = browser.post(address, **sent)
    assert again.status_code == 302
    assert "its code cannot be shown again" in browser.read(again["Location"].partition("#")[0])


def test_setting_a_practice_up_asks_who_it_is(harbour, maeve):
    browser = Browser(maeve)
    age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
    done = browser.post("/people/practices/new", name="Mine", code="mine", profile="UK")
    assert "reauthenticate" in done["Location"]
    assert not Practice.objects.filter(code="mine").exists()


def test_a_practice_is_set_up_and_changed(harbour, maeve):
    browser = Browser(maeve)
    page = browser.follow(
        "/people/practices/new", name="Liffey Quay", code="quay", profile="EU", country="IE"
    )
    assert heading(page) == "1 person"
    quay = Practice.objects.get(code="quay")
    address = f"/people/practices/{quay.pk}"
    bad = browser.post(address, name="Liffey Quay", profile="EU", time_zone="Dublin")
    assert bad.status_code == 422
    assert "There is no time zone" in words(bad)
    browser.post(address, name="Liffey Quay", profile="EU", time_zone="Europe/Dublin")
    quay.refresh_from_db()
    assert quay.time_zone == "Europe/Dublin"


def test_keys_for_people_are_made_by_a_practice_admin_and_for_records_are_not(harbour, maeve, ada):
    fields = {"name": "Staff list", "source_system": "hr", "practices": [harbour.pk]}
    assert heading(Browser(maeve).get("/keys")) == "No system can call the portal"
    made = Browser(maeve).post("/keys/make", **fields)
    assert heading(made) == "Copy this key now: it is not shown again"
    assert Browser(maeve).post("/keys/make", **fields, kind="records").status_code == 422
    assert Browser(ada).post("/keys/make", **fields, kind="people").status_code == 422


def test_no_two_fields_of_a_page_share_an_id(harbour, maeve, iris, clara):
    Authenticator.objects.create(user=clara, type="totp", data={"secret": "x"})
    invited(harbour, maeve)
    browser = Browser(maeve)
    for address in ("/people", address_of(clara, harbour), address_of(clara, harbour, "/leave")):
        ids = re.findall(r'\sid="([^"]+)"', browser.get(address).content.decode())
        assert len(ids) == len(set(ids)), (address, sorted(ids))


def test_who_ends_their_own_work_is_told_and_signs_in_anew(harbour, maeve, iris):
    browser = Browser(maeve)
    page = browser.follow(address_of(maeve, harbour, "/leave"), do="now")
    assert heading(page) == "Sign in"
    assert page.redirect_chain == [("/accounts/login/", 302)]
    assert "Maeve Sutton has left and is blocked." in words(page)
    assert AuditEvent.objects.filter(verb="sign_in.ended", actor_id=maeve.pk).exists()


def test_a_reset_that_waits_for_me_stands_above_all(harbour, maeve, iris, clara):
    Authenticator.objects.create(user=clara, type="totp", data={"secret": "x"})
    Browser(maeve).post(address_of(clara, harbour, "/reset"), reason="seen in person")
    asked = "Maeve Sutton asks that the second factor of Clara Moreau be reset."
    assert asked in Browser(iris).read("/people")
    assert asked not in Browser(maeve).read("/people")


def test_who_must_have_a_second_factor_is_shown_and_changed_after_a_confirmation(harbour, maeve):
    browser, address = Browser(maeve), f"/people/practices/{harbour.pk}"
    assert "Second factor Nobody has to" in browser.read("/people")
    said = {"name": harbour.name, "profile": harbour.profile, "second_factor": "everybody"}
    age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
    assert "reauthenticate" in browser.post(address, **said)["Location"]
    harbour.refresh_from_db()
    assert harbour.second_factor == "optional"
    Browser(maeve).post(address, **said)
    harbour.refresh_from_db()
    assert harbour.second_factor == "everybody"


def test_an_auditor_reads_of_whom_it_is(harbour, maeve, ravi, audrey):
    leaving.leave(person=ravi, practice=harbour, by=maeve)
    page = Browser(audrey).read("/audit", kind="staff")
    assert "Ended somebody’s work here: Ravi Shah." in page
    assert "blocked yes" in page
    day = Browser(audrey).read("/audit/day", who=ravi.pk)
    assert "Ravi Shah" in day, "who left still has days to look at"


# -- Joining -----------------------------------------------------------------------------------


def test_a_link_leads_to_an_account_and_the_account_to_the_portal(harbour, maeve):
    code = invited(harbour, maeve, email="tom@example.org").code
    client = Client()
    assert client.get("/join", {"code": code})["Location"] == "/join"
    page = client.get("/join")
    assert heading(page) == "Welcome to Harbour Street Surgery"
    assert code not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    chosen = {"family_name": "Ashby", "username": "tom", "password": PASSWORD, "again": "other"}
    assert client.post("/join", chosen).status_code == 422
    assert not User.objects.filter(username="tom").exists()
    done = client.post("/join", {**chosen, "again": PASSWORD})
    assert done["Location"] == "/accounts/login/"
    client.post("/accounts/login/", {"login": "tom", "password": PASSWORD})
    assert client.get("/").status_code == 200
    assert Client().get("/join", {"code": code}, follow=True).status_code == 404


def test_a_mail_says_until_when_by_the_clocks_of_the_practice(harbour, maeve):
    harbour.time_zone = "Australia/Perth"
    harbour.save()
    invitation = invited(harbour, maeve, email="tom@example.org").invitation
    there = timezone.localtime(invitation.ends_at, harbour.zone)
    assert f"until {there:%-d %B %Y, %H:%M}:" in mail.outbox[0].body


def test_an_invitation_of_somebody_else_is_not_offered(harbour, maeve, clara):
    printed = invited(harbour, maeve)
    mailed = invited(harbour, maeve, email="tom@example.org")
    for person, one in ((maeve, printed), (clara, mailed)):
        page = Browser(person).client.get("/join", {"code": one.code}, follow=True)
        assert heading(page) == "Harbour Street Surgery invites Tom Ashby"
        assert "Accept" not in words(page)
    assert "Accept" in words(
        Browser(clara).client.get("/join", {"code": printed.code}, follow=True)
    )


def test_a_wrong_code_says_the_same_as_an_old_one(harbour, maeve):
    old = invited(harbour, maeve)
    invitations.withdraw(invitation=old.invitation, by=maeve)
    texts = {
        re.sub(r'value="[^"]*"', "", Client().post("/join", {"code": code}, follow=True).text)
        for code in (old.code, "AAAAA-AAAAA-AAAAA-AAAAA", "x" * 5_000, "²")
    }
    assert len(texts) == 1


def test_who_has_an_account_signs_in_first(harbour, lakeside, clara):
    admin = make.person("adamina", lakeside, Role.PRACTICE_ADMIN)
    code = invited(lakeside, admin, email="clara@example.org").code
    client = Client()
    page = client.get("/join", {"code": code}, follow=True)
    assert heading(page) == "You have an account already"
    client.post("/accounts/login/", {"login": "clara", "password": make.PASSWORD})
    assert heading(client.get("/join")) == "Lakeside Family Medicine invites you"
    client.post("/join")
    assert Membership.objects.filter(user=clara, practice=lakeside).exists()


# -- Commands ----------------------------------------------------------------------------------


def run(capsys, *args):
    call_command(*args)
    return capsys.readouterr().out


def test_the_first_run_makes_a_practice_and_its_admin(rulebook, capsys, settings):
    settings.PORTAL_URL = "https://portal.example"
    first = ("first_run", "harbour", "--name", "Harbour", "--profile", "UK")
    line = run(capsys, *first, "--admin", "Maeve Sutton", "--role", "formulary_admin")
    assert re.fullmatch(r"https://portal\.example/join\?code=[A-Z2-9-]{23}  until \S+\n", line)
    again = run(capsys, *first, "--admin", "Maeve Sutton", "--role", "formulary_admin")
    with pytest.raises(Exception, match="not known"):
        invitations.of_code(line.split("=")[1].split()[0])
    maeve = invitations.accept(
        code=again.split("=")[1].split()[0],
        username="maeve",
        given_name="Maeve",
        password=PASSWORD,
    )
    assert set(maeve.memberships.values_list("role", flat=True)) == {
        "practice_admin",
        "formulary_admin",
    }
    with pytest.raises(CommandError, match="already"):
        call_command(*first, "--admin", "Eve Other")


def test_scripts_list_change_and_end(harbour, maeve, clara, ravi, capsys):
    line = run(capsys, "invite", "harbour", "Tom Ashby", "--role", "auditor")
    assert invitations.of_code(line.split("=")[1].split()[0]).made_by is None
    listed = run(capsys, "people", "harbour").splitlines()
    assert "harbour  clara  clinician  -  -" in listed
    run(capsys, "people", "harbour", "--roles", "clara", "clinician,formulary_admin")
    assert Membership.objects.filter(user=clara, role="formulary_admin").exists()
    at = f"{make.day(3).isoformat()}T17:00"
    run(capsys, "people", "harbour", "--leaves", "ravi", "--at", at)
    assert Leaving.objects.get().at - timezone.now() > timedelta(days=1)
    gone = run(capsys, "people", "harbour", "--leaves", "ravi")
    assert "ravi" not in gone
    for wrong, why in (
        (("people", "harbour", "--leaves", "maeve"), "last practice admin"),
        (("people", "nowhere"), "no practice"),
        (("people", "harbour", "--leaves", "nobody"), "no user"),
        (("invite", "harbour", "Tom Ashby", "--role", "clinician", "--days", "99"), "days"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command(*wrong)


def test_cases_of_who_leaves_by_command_are_moved_by_the_portal(harbour, clara, ravi, capsys):
    case = make.flagged_case(harbour, logged_by=clara)
    caseload.claim(case=case, by=ravi, seen=case.lock)
    run(capsys, "people", "harbour", "--leaves", "ravi")
    case.refresh_from_db()
    assert case.owner is None
    assert case.moves.last().by is None
