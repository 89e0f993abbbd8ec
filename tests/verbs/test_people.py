"""Who comes to a practice, in which roles, and who leaves it: every verb, with its limits."""

import random
import re
import threading
from contextlib import nullcontext
from datetime import date, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from reviews import access, conclusions, sessions
from reviews.access import Action
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, NotFound
from reviews.models import (
    MACHINES,
    AuditEvent,
    Case,
    CaseMove,
    FactorReset,
    Flag,
    Invitation,
    Leaving,
    Membership,
    Move,
    Outcome,
    Practice,
    Reason,
    RegisterEntry,
    Role,
)
from reviews.queries import staff as queries
from reviews.verbs import (
    caseload,
    clients,
    decide,
    factors,
    invitations,
    leaving,
    practices,
    registers,
    roles,
)
from tests import make

CLINICIAN, REVIEWER, AUDITOR = Role.CLINICIAN, Role.REVIEWER, Role.AUDITOR
PRACTICE_ADMIN, FORMULARY_ADMIN = Role.PRACTICE_ADMIN, Role.FORMULARY_ADMIN
PASSWORD = "a long walk by the canal"


def invite(practice, by, **changes):
    given = {"family_name": "Ashby", "given_name": "Tom", "roles": [CLINICIAN], **changes}
    return invitations.invite(practice=practice, by=by, **given)


def accept(code, **changes):
    given = {
        "username": "tom",
        "given_name": "Tom",
        "password": PASSWORD,
        **changes,
    }
    return invitations.accept(code=code, **given)


def told(verb):
    return AuditEvent.objects.filter(verb=verb).order_by("pk")


def held(user, practice):
    return set(
        Membership.objects.filter(user=user, practice=practice).values_list("role", flat=True)
    )


def a_key(by, *places):
    key, _ = clients.make_key(
        name="Staff list", source_system="hr", practices=places, kind="people", by=by
    )
    return key.user


def sign_in(user):
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session.create()
    return session.session_key


# -- Invitations -------------------------------------------------------------------------------


def test_who_has_the_code_chooses_a_name_and_a_password_and_is_let_in(harbour, maeve):
    invited = invite(harbour, maeve, roles=[CLINICIAN, REVIEWER], register="GMC", number="9000017")
    tom = accept(invited.code, email="tom@example.org")
    assert tom.check_password(PASSWORD)
    assert held(tom, harbour) == {CLINICIAN, REVIEWER}
    assert access.allowed(tom, Action.LOG, harbour)
    entry = RegisterEntry.objects.get(user=tom)
    assert (str(entry), entry.status) == ("GMC 9000017", "unchecked")
    [event] = told("invitation.accepted")
    assert (event.actor_id, event.practice_id, event.detail["new"]) == (tom.pk, harbour.pk, True)


def test_the_code_is_kept_nowhere(harbour, maeve):
    invited = invite(harbour, maeve, email="tom@example.org")
    kept = str(Invitation.objects.values_list().get()) + str(told("person.invited").values().get())
    assert invited.code not in kept
    assert invited.code.replace("-", "") not in kept


@pytest.mark.parametrize("typed", [str, str.lower, lambda c: c.replace("-", " "), "  {}  ".format])
def test_a_code_is_typed_as_people_type(harbour, maeve, typed):
    assert accept(typed(invite(harbour, maeve).code)).username == "tom"


def test_a_code_works_once(harbour, maeve):
    invited = invite(harbour, maeve)
    accept(invited.code)
    with pytest.raises(NotFound, match="used already"):
        accept(invited.code, username="tom2")
    assert not User.objects.filter(username="tom2").exists()


@pytest.mark.parametrize(
    ("left", "good"), [(timedelta(seconds=5), True), (timedelta(seconds=-1), False)]
)
def test_a_code_works_until_its_end(harbour, maeve, left, good):
    invited = invite(harbour, maeve)
    Invitation.objects.update(ends_at=timezone.now() + left)
    if good:
        assert accept(invited.code)
    else:
        with pytest.raises(NotFound):
            accept(invited.code)


@pytest.mark.parametrize(("days", "fits"), [(0, False), (1, True), (30, True), (31, False)])
def test_how_long_a_code_may_work(harbour, maeve, days, fits):
    if fits:
        invitation = invite(harbour, maeve, days=days).invitation
        assert abs(invitation.ends_at - timezone.now() - timedelta(days=days)) < timedelta(
            minutes=1
        )
    else:
        with pytest.raises(BadRecord, match="days"):
            invite(harbour, maeve, days=days)


def test_a_new_code_ends_the_one_before_and_taking_back_ends_both(harbour, maeve):
    first = invite(harbour, maeve)
    second = invitations.renew(invitation=first.invitation, by=maeve)
    with pytest.raises(NotFound):
        invitations.of_code(first.code)
    assert invitations.of_code(second.code) == first.invitation
    invitations.withdraw(invitation=first.invitation, by=maeve)
    with pytest.raises(NotFound):
        invitations.of_code(second.code)
    with pytest.raises(IllegalMove, match="taken back"):
        invitations.renew(invitation=first.invitation, by=maeve)


def test_the_mail_holds_the_address_of_the_portal_and_nothing_clinical(
    harbour, maeve, settings, mailoutbox
):
    settings.PORTAL_URL = "https://portal.example"
    invited = invite(harbour, maeve, email="tom@example.org")
    assert invited.mailed
    [message] = mailoutbox
    assert message.to == ["tom@example.org"]
    assert re.findall(r"\S+://\S+", message.body) == [
        f"https://portal.example/join?code={invited.code}"
    ]
    assert "Maeve Sutton" in message.body
    tom = accept(invited.code, email="other@example.org")
    assert tom.email == "tom@example.org", "the address that is proven, not the one that is said"
    assert tom.emailaddress_set.get().verified


def test_a_mail_that_does_not_go_out_leaves_a_code_to_print(harbour, maeve, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no mail server")

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    invited = invite(harbour, maeve, email="tom@example.org")
    assert not invited.mailed
    assert invitations.of_code(invited.code)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"family_name": " "}, "family_name"),
        ({"roles": []}, "roles"),
        ({"roles": [FORMULARY_ADMIN]}, "roles"),
        ({"roles": [Role.INTEGRATION_CLIENT]}, "roles"),
        ({"roles": ["king"]}, "roles"),
        ({"email": "nobody"}, "email"),
        ({"email": "clara@example.org"}, "email"),
        ({"register": "GMC"}, "number"),
        ({"number": "123"}, "register"),
    ],
)
def test_what_is_no_invitation(harbour, maeve, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        invite(harbour, maeve, **changes)
    assert refused.value.field == field
    assert not Invitation.objects.exists()


def test_nobody_is_invited_twice_by_one_address(harbour, maeve):
    invite(harbour, maeve, email="tom@example.org")
    with pytest.raises(BadRecord, match="invited already"):
        invite(harbour, maeve, email="Tom@Example.org")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "clara"}, "username"),
        ({"username": "CLARA"}, "username"),
        ({"username": "tom@example.org"}, "username"),
        ({"username": "client-psp"}, "username"),
        ({"username": "tom ashby"}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "918273645546372819"}, "password"),
        ({"given_name": "T" * 151}, "given_name"),
        ({"email": "clara@example.org"}, "email"),
    ],
)
def test_what_nobody_may_choose(harbour, maeve, clara, changes, field):
    invited = invite(harbour, maeve)
    with pytest.raises(BadRecord) as refused:
        accept(invited.code, **changes)
    assert refused.value.field == field
    assert accept(invited.code).username == "tom", "the code still works"


def test_who_has_an_account_accepts_with_it(lakeside, harbour, clara):
    admin = make.person("adamina", lakeside, PRACTICE_ADMIN)
    invited = invite(lakeside, admin, email="clara@example.org")
    with pytest.raises(IllegalMove, match="Sign in"):
        accept(invited.code)
    invitations.accept_as(code=invited.code, by=clara)
    assert access.allowed(clara, Action.LOG, lakeside)
    assert access.allowed(clara, Action.LOG, harbour)


def test_an_invitation_is_not_accepted_by_another_nor_by_whoever_made_it(harbour, maeve, clara):
    invited = invite(harbour, maeve, email="tom@example.org")
    with pytest.raises(NotAllowed, match="another address"):
        invitations.accept_as(code=invited.code, by=clara)
    printed = invite(harbour, maeve)
    with pytest.raises(NotAllowed, match="You made this"):
        invitations.accept_as(code=printed.code, by=maeve)
    by_key = invite(harbour, a_key(maeve, harbour))
    with pytest.raises(NotAllowed, match="You made this"):
        invitations.accept_as(code=by_key.code, by=maeve)
    assert held(maeve, harbour) == {PRACTICE_ADMIN}


def test_an_invitation_is_made_and_seen_at_ones_own_practice_only(harbour, lakeside, maeve, clara):
    for by in (maeve, clara):
        with pytest.raises(NotAllowed):
            invite(lakeside, by)
    there = invite(lakeside, make.person("adamina", lakeside, PRACTICE_ADMIN)).invitation
    for verb in (invitations.renew, invitations.withdraw):
        with pytest.raises(NotAllowed):
            verb(invitation=there, by=maeve)


@pytest.mark.parametrize("way", ["leave", "roles", "day"])
def test_what_somebody_offered_ends_when_they_may_offer_it_no_longer(
    harbour, maeve, iris, clara, way
):
    """Whoever is blocked must not come back by a code that they had printed before."""
    make.person("iris", harbour, CLINICIAN)
    code = invite(harbour, iris, roles=[PRACTICE_ADMIN, REVIEWER]).code
    other = invite(harbour, maeve).code
    if way == "leave":
        left = leaving.leave(person=iris, practice=harbour, by=maeve)
        assert left.invitations == 1
    elif way == "roles":
        roles.change(person=iris, practice=harbour, roles=[CLINICIAN], by=maeve)
    else:
        leaving.plan(
            person=iris, practice=harbour, at=timezone.now() + timedelta(hours=1), by=maeve
        )
        # Their day has come, and no worker is up to tidy up after them.
        Membership.objects.filter(user=iris).update(ends_at=timezone.now())
    with pytest.raises(NotFound):
        accept(code)
    assert not User.objects.filter(username="tom").exists()
    assert accept(other), "what another offered holds"
    if way == "day":
        [dead] = Invitation.objects.filter(made_by=iris)
        with pytest.raises(IllegalMove, match="invite anew"):
            invitations.renew(invitation=dead, by=maeve)
    else:
        [event] = told("invitation.withdrawn")
        assert event.detail["roles"] == ["practice_admin", "reviewer"]
        assert "whoever made it" in event.detail["reason"]


def test_the_family_name_of_an_account_is_that_of_the_invitation(harbour, maeve):
    tom = accept(invite(harbour, maeve, family_name="Byrest").code, given_name="Ravi")
    assert tom.get_full_name() == "Ravi Byrest"


@pytest.mark.parametrize(
    "username", ["rav\u0456", "rav1", "ravl", "Ravi.", "r-a-v-i", "r\u00e4vi", "ravi\u200b"]
)
def test_nobody_takes_a_user_name_that_looks_like_another(harbour, maeve, ravi, username):
    with pytest.raises(BadRecord) as refused:
        accept(invite(harbour, maeve).code, username=username)
    assert refused.value.field == "username"


@pytest.mark.parametrize("name", ["A\u202ey", "A\u0000y", "A\u200by", "R\u0430vi"])
def test_a_name_is_what_it_shows(harbour, maeve, name):
    for field in ("family_name", "given_name"):
        with pytest.raises(BadRecord) as refused:
            invite(harbour, maeve, **{field: name})
        assert refused.value.field == field
    with pytest.raises(BadRecord) as refused:
        accept(invite(harbour, maeve).code, given_name=name)
    assert refused.value.field == "given_name"
    with pytest.raises(BadRecord) as refused:
        practices.edit(practice=harbour, name=f"{name} Surgery", by=maeve)
    assert refused.value.field == "name"
    assert invite(
        harbour,
        maeve,
        family_name="\u0160\u00edma-O\u2019Brien",
        given_name="\u0418\u0432\u0430\u043d",
    )


# -- Roles -------------------------------------------------------------------------------------


def change(person, practice, wanted, by):
    return roles.change(person=person, practice=practice, roles=wanted, by=by)


def test_roles_are_given_and_taken_and_told(harbour, maeve, clara):
    assert change(clara, harbour, [REVIEWER], maeve) == {REVIEWER}
    assert held(clara, harbour) == {REVIEWER}
    [event] = told("person.roles_changed")
    assert event.detail == {
        "person": clara.pk,
        "name": "Clara Moreau",
        "given": ["reviewer"],
        "taken": ["clinician"],
        "reason": "",
    }
    change(clara, harbour, [REVIEWER], maeve)
    assert told("person.roles_changed").count() == 1, "nothing to change is no event"


GIVEN = [
    (PRACTICE_ADMIN, CLINICIAN, True),
    (PRACTICE_ADMIN, REVIEWER, True),
    (PRACTICE_ADMIN, AUDITOR, True),
    (PRACTICE_ADMIN, PRACTICE_ADMIN, True),
    (PRACTICE_ADMIN, FORMULARY_ADMIN, False),
    (PRACTICE_ADMIN, Role.INTEGRATION_CLIENT, False),
    (PRACTICE_ADMIN, Role.PROVISIONING_CLIENT, False),
    (Role.PROVISIONING_CLIENT, CLINICIAN, True),
    (Role.PROVISIONING_CLIENT, REVIEWER, True),
    (Role.PROVISIONING_CLIENT, AUDITOR, False),
    (Role.PROVISIONING_CLIENT, PRACTICE_ADMIN, False),
    (Role.PROVISIONING_CLIENT, FORMULARY_ADMIN, False),
]


@pytest.mark.parametrize(("giver", "role", "may"), GIVEN, ids=str)
def test_who_gives_which_role(harbour, lakeside, maeve, clara, giver, role, may):
    by = maeve if giver == PRACTICE_ADMIN else a_key(maeve, harbour)
    if may:
        assert role in change(clara, harbour, [CLINICIAN, role], by)
    else:
        with pytest.raises(BadRecord, match="do not give"):
            change(clara, harbour, [CLINICIAN, role], by)
        with pytest.raises(BadRecord, match="do not give"):
            invite(harbour, by, roles=[role])
    assert not held(clara, lakeside)


@pytest.mark.parametrize("role", [r for r in Role if r not in {PRACTICE_ADMIN}])
def test_no_other_role_changes_roles(harbour, maeve, clara, role):
    if role == Role.PROVISIONING_CLIENT:
        return
    by = make.person("somebody", harbour, role)
    with pytest.raises(NotAllowed):
        change(clara, harbour, [CLINICIAN, REVIEWER], by)
    with pytest.raises(NotAllowed):
        leaving.leave(person=clara, practice=harbour, by=by)


def test_nobody_gives_roles_to_themselves_by_hand_or_by_a_key_of_theirs(harbour, maeve, iris):
    with pytest.raises(NotAllowed, match="themselves"):
        change(maeve, harbour, [PRACTICE_ADMIN, CLINICIAN], maeve)
    with pytest.raises(NotAllowed, match="themselves"):
        change(maeve, harbour, [CLINICIAN], a_key(maeve, harbour))
    assert held(maeve, harbour) == {PRACTICE_ADMIN}
    change(maeve, harbour, [PRACTICE_ADMIN, CLINICIAN], iris)
    assert change(maeve, harbour, [CLINICIAN], maeve) == {CLINICIAN}, "they may lay one down"


def test_roles_that_are_not_mine_to_take_stay(harbour, maeve, ada):
    assert change(ada, harbour, [REVIEWER], maeve) == {REVIEWER, FORMULARY_ADMIN}
    assert change(ada, harbour, [], maeve) == {FORMULARY_ADMIN}


def test_who_is_to_hold_no_role_leaves_instead(harbour, maeve, clara):
    with pytest.raises(BadRecord, match="at least one"):
        change(clara, harbour, [], maeve)


def test_a_key_takes_no_admin_nor_auditor(harbour, maeve, iris, audrey):
    key = a_key(maeve, harbour)
    change(iris, harbour, [CLINICIAN], key)
    assert held(iris, harbour) == {PRACTICE_ADMIN, CLINICIAN}
    change(audrey, harbour, [], key)
    assert held(audrey, harbour) == {AUDITOR}


def test_the_other_admins_are_told_of_a_new_one(
    harbour, maeve, iris, clara, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        change(clara, harbour, [CLINICIAN, PRACTICE_ADMIN], maeve)
    assert [message.to for message in mailoutbox] == [["iris@example.org"]]
    assert "Clara Moreau" in mailoutbox[0].body


# -- At least one practice admin ---------------------------------------------------------------


def lays_down(person, practice, by):
    roles.change(person=person, practice=practice, roles=[CLINICIAN], by=by)


def leaves(person, practice, by):
    leaving.leave(person=person, practice=practice, by=by)


def will_leave(person, practice, by):
    at = timezone.now() + timedelta(days=1)
    leaving.plan(person=person, practice=practice, at=at, by=by)


WAYS = [lays_down, leaves, will_leave]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_practice_admin_stays(harbour, maeve, clara, way):
    Membership.objects.create(user=maeve, practice=harbour, role=CLINICIAN)
    with pytest.raises(IllegalMove, match="last practice admin"):
        way(maeve, harbour, maeve)
    assert queries.colleagues(harbour)
    assert PRACTICE_ADMIN in held(maeve, harbour)


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_who_has_gone_or_is_about_to_go_does_not_count(harbour, maeve, iris, first, second):
    for user in (maeve, iris):
        Membership.objects.create(user=user, practice=harbour, role=CLINICIAN)
    first(iris, harbour, maeve)
    with pytest.raises(IllegalMove, match="last practice admin"):
        second(maeve, harbour, maeve)


def test_an_admin_of_another_practice_does_not_count(harbour, lakeside, maeve):
    make.person("adamina", lakeside, PRACTICE_ADMIN)
    with pytest.raises(IllegalMove):
        leaves(maeve, harbour, maeve)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ways", [(a, b) for a in WAYS for b in WAYS])
def test_two_who_remove_each_other_at_once_leave_one(harbour, maeve, iris, ways):
    for user in (maeve, iris):
        Membership.objects.create(user=user, practice=harbour, role=CLINICIAN)
    start, refusals = threading.Barrier(2), []

    def remove(way, person, by):
        access.roles_of(by)  # as a request that has read them already
        start.wait()
        try:
            way(person, harbour, by)
        except DomainError as refusal:
            refusals.append(refusal)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=remove, args=(ways[0], maeve, iris)),
        threading.Thread(target=remove, args=(ways[1], iris, maeve)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) == 1
    staying = Membership.objects.filter(
        practice=harbour, role=PRACTICE_ADMIN, ends_at=None, user__is_active=True
    )
    assert staying.count() == 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_anybody_tries_one_admin_stays_and_nobody_raises_themselves(
    harbour, lakeside, maeve, iris, clara, ravi, seed
):
    """A law: thirty tries of random people at random verbs, most of them refused."""
    chance = random.Random(seed)
    make.person("eve", lakeside, PRACTICE_ADMIN)
    key = a_key(maeve, harbour)
    names = ("maeve", "iris", "clara", "ravi", "eve", key.username)
    given = [*sorted(access.GIVES[PRACTICE_ADMIN]) * 2, *Role]
    done = 0
    for _ in range(30):
        by = User.objects.get(username=chance.choice((*names, "maeve", "iris", "maeve", "iris")))
        person = User.objects.get(username=chance.choice(names))
        before = {
            user.username: held(user, harbour) for user in User.objects.filter(username__in=names)
        }
        some = {chance.choice(given) for _ in range(chance.randint(0, 2))}
        tries = (
            lambda: change(person, harbour, some, by),  # noqa: B023 - called in this round
            lambda: leaves(person, harbour, by),  # noqa: B023
            lambda: will_leave(person, harbour, by),  # noqa: B023
            lambda: leaving.withdraw(person=person, practice=harbour, by=by),  # noqa: B023
            lambda: invitations.accept_as(
                code=invite(harbour, by, roles=some).code,  # noqa: B023
                by=person,  # noqa: B023
            ),
        )
        try:
            chance.choice(tries)()
            done += 1
        except DomainError:
            pass
        after = {
            user.username: held(user, harbour) for user in User.objects.filter(username__in=names)
        }
        assert after[by.username] <= before[by.username] or by != person
        if by == key:
            assert after["maeve"] <= before["maeve"], "their own key is their own hand"
        for username, roles_held in after.items():
            assert FORMULARY_ADMIN not in roles_held
            if username != key.username:
                assert not roles_held & set(MACHINES)
        staying = Membership.objects.filter(
            practice=harbour, role=PRACTICE_ADMIN, ends_at=None, user__is_active=True
        )
        assert staying.exists()
    assert done, "something was allowed"


# -- Leavers -----------------------------------------------------------------------------------


def claimed(place, clara, by):
    case = make.flagged_case(place, logged_by=clara)
    return caseload.claim(case=case, by=by, seen=case.lock)


def test_who_leaves_is_blocked_at_once_with_sessions_cases_and_keys(
    harbour, maeve, clara, ravi, samira, client
):
    case = claimed(harbour, clara, ravi)
    Membership.objects.create(user=ravi, practice=harbour, role=FORMULARY_ADMIN)
    access.forget(ravi)
    key, secret = clients.make_key(
        name="Records", source_system="ehr", practices=[harbour], by=ravi
    )
    mine, theirs = sign_in(ravi), sign_in(samira)
    left = leaving.leave(person=ravi, practice=harbour, cases_to=samira, by=maeve)
    assert (left.sessions, left.handed_over, left.released, left.blocked) == (1, 1, 0, True)
    assert left.keys == [key]
    assert not SessionStore().exists(mine)
    assert SessionStore().exists(theirs)
    ravi.refresh_from_db()
    assert not ravi.is_active
    assert not ravi.has_usable_password()
    client.post("/accounts/login/", {"login": "ravi", "password": make.PASSWORD})
    assert "_auth_user_id" not in client.session
    case.refresh_from_db()
    assert (case.owner, case.state) == (samira, "claimed")
    move = CaseMove.objects.get(case=case, move=Move.HAND_OVER)
    assert (move.by, move.to, move.reason) == (maeve, samira, "Left the practice")
    assert clients.authenticate(secret), "systems go on"
    [event] = told("person.left")
    assert event.actor_id == maeve.pk
    assert event.detail["keys"] == [key.prefix]
    assert event.detail["roles"] == ["formulary_admin", "reviewer"]


def test_without_an_heir_cases_go_back_to_the_queue(harbour, maeve, clara, ravi):
    case = claimed(harbour, clara, ravi)
    left = leaving.leave(person=ravi, practice=harbour, by=maeve)
    assert (left.handed_over, left.released) == (0, 1)
    case.refresh_from_db()
    assert (case.owner, case.state) == (None, "queued")


def test_an_urgent_case_of_the_heirs_own_prescription_goes_to_the_queue(harbour, maeve, ravi):
    nell = make.person("nell", harbour, CLINICIAN, REVIEWER)
    case = make.urgent_case(harbour, logged_by=nell)
    caseload.claim(case=case, by=ravi, seen=case.lock)
    left = leaving.leave(person=ravi, practice=harbour, cases_to=nell, by=maeve)
    assert (left.handed_over, left.released) == (0, 1)


@pytest.mark.parametrize("heir", ["clara", "ravi", "elsewhere"])
def test_cases_go_to_somebody_who_reviews_here(harbour, lakeside, maeve, clara, ravi, heir):
    people = {"clara": clara, "ravi": ravi, "elsewhere": make.person("eve", lakeside, REVIEWER)}
    with pytest.raises(BadRecord) as refused:
        leaving.leave(person=ravi, practice=harbour, cases_to=people[heir], by=maeve)
    assert refused.value.field == "cases_to"
    assert held(ravi, harbour)


def test_who_works_elsewhere_too_goes_on_there(harbour, lakeside, maeve, clara, ravi):
    make.person("ravi", lakeside, REVIEWER)
    there = make.person("doc", lakeside, CLINICIAN)
    here = claimed(harbour, clara, ravi)
    access.forget(ravi)
    elsewhere = claimed(lakeside, there, ravi)
    left = leaving.leave(person=ravi, practice=harbour, by=maeve)
    assert not left.blocked
    ravi.refresh_from_db()
    access.forget(ravi)
    assert ravi.is_active
    assert access.practice_ids(ravi, Action.DECIDE) == [lakeside.pk]
    assert Case.objects.get(pk=here.pk).owner is None
    assert Case.objects.get(pk=elsewhere.pk).owner == ravi


def test_a_proposal_of_somebody_who_left_comes_back_to_whoever_sends_it_back(
    harbour, maeve, clara, ravi, samira
):
    case = make.urgent_case(harbour, logged_by=clara)
    proposed(case, ravi)
    leaving.leave(person=ravi, practice=harbour, by=maeve)
    case.refresh_from_db()
    sent = decide.send_back(case=case, reason="no plan", by=samira, seen=case.lock)
    assert sent.owner == samira


def proposed(case, by):
    outcomes = [
        conclusions.FlagOutcome(flag.pk, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
        for flag in Flag.objects.open().filter(case=case)
    ]
    decide.decide(case=case, outcomes=outcomes, by=by, seen=case.lock, note="Plan made.")
    case.refresh_from_db()
    assert case.state == "proposed"


def plan(person, practice, by, **ahead):
    at = timezone.now() + timedelta(**ahead)
    return leaving.plan(person=person, practice=practice, at=at, by=by)


def test_a_planned_last_day_ends_the_roles_whether_or_not_a_worker_is_up(harbour, maeve, ravi):
    plan(ravi, harbour, maeve, days=2)
    access.forget(ravi)
    assert access.allowed(ravi, Action.DECIDE, harbour)
    assert leaving.carry_out() == 0
    past = timezone.now() - timedelta(seconds=1)
    Membership.objects.filter(user=ravi).update(ends_at=past)
    Leaving.objects.update(at=past)
    access.forget(ravi)
    assert not access.allowed(ravi, Action.DECIDE, harbour)
    assert leaving.carry_out() == 1
    assert leaving.carry_out() == 0
    ravi.refresh_from_db()
    assert not ravi.is_active
    [event] = told("person.left")
    assert event.actor_id == maeve.pk


def test_a_role_given_meanwhile_ends_with_the_others(harbour, maeve, ravi):
    planned = plan(ravi, harbour, maeve, days=2)
    change(ravi, harbour, [REVIEWER, CLINICIAN], maeve)
    assert set(ravi.memberships.values_list("ends_at", flat=True)) == {planned.at}


def test_a_plan_is_said_anew_or_taken_back(harbour, maeve, ravi):
    plan(ravi, harbour, maeve, days=2)
    later = plan(ravi, harbour, maeve, days=5)
    assert Leaving.objects.count() == 1
    assert set(ravi.memberships.values_list("ends_at", flat=True)) == {later.at}
    leaving.withdraw(person=ravi, practice=harbour, by=maeve)
    assert set(ravi.memberships.values_list("ends_at", flat=True)) == {None}
    with pytest.raises(IllegalMove):
        leaving.withdraw(person=ravi, practice=harbour, by=maeve)


def test_nobody_takes_back_what_a_colleague_said_of_them(harbour, maeve, iris):
    plan(iris, harbour, maeve, days=2)
    with pytest.raises(IllegalMove, match="colleague"):
        leaving.withdraw(person=iris, practice=harbour, by=iris)


def test_a_last_day_is_ahead(harbour, maeve, ravi):
    with pytest.raises(BadRecord, match="passed"):
        plan(ravi, harbour, maeve, seconds=-1)


@pytest.mark.parametrize(("days", "fits"), [(731, True), (734, False), (None, False)])
def test_nobody_says_years_ahead_that_somebody_leaves(harbour, maeve, ravi, days, fits):
    at = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.get_fixed_timezone(-300))
    if days:
        at = timezone.now() + timedelta(days=days)
    with nullcontext() if fits else pytest.raises(BadRecord, match="two years") as refused:
        leaving.plan(person=ravi, practice=harbour, at=at, by=maeve)
    assert fits or refused.value.field == "at"
    assert Leaving.objects.exists() is fits


def test_who_comes_back_gets_their_account_again(harbour, maeve, ravi):
    leaving.leave(person=ravi, practice=harbour, by=maeve)
    invited = invite(harbour, maeve, email="ravi@example.org", roles=[REVIEWER])
    back = accept(invited.code, username="")
    assert (back.pk, back.username, back.is_active) == (ravi.pk, "ravi", True)
    assert held(back, harbour) == {REVIEWER}


def test_who_comes_back_before_their_leaving_is_tidied_up_waits_for_that(harbour, maeve, ravi):
    plan(ravi, harbour, maeve, days=2)
    past = timezone.now() - timedelta(seconds=1)
    Membership.objects.filter(user=ravi).update(ends_at=past)
    Leaving.objects.update(at=past)
    invited = invite(harbour, maeve, email="ravi@example.org", roles=[REVIEWER])
    with pytest.raises(IllegalMove, match="a moment ago"):
        invitations.accept_as(code=invited.code, by=ravi)
    leaving.carry_out()
    assert accept(invited.code, username="") == ravi
    assert list(ravi.memberships.values_list("role", "ends_at")) == [(REVIEWER, None)]


def test_an_account_blocked_by_no_leaving_does_not_come_back_so(harbour, maeve, clara):
    User.objects.filter(pk=clara.pk).update(is_active=False)
    Membership.objects.filter(user=clara).delete()
    invited = invite(harbour, maeve, email="clara@example.org")
    with pytest.raises(BadRecord):
        accept(invited.code)


# -- Registers ---------------------------------------------------------------------------------


def check(person, practice, by, **changes):
    given = {
        "register": "GMC",
        "number": "9000017",
        "status": "registered",
        "checked_on": make.day(),
        **changes,
    }
    return registers.record(person=person, practice=practice, by=by, **given)


def test_a_check_says_what_when_and_who(harbour, maeve, clara):
    entry = check(clara, harbour, maeve)
    assert (entry.checked_on, entry.checked_by) == (make.day(), maeve)
    check(clara, harbour, maeve, status="suspended")
    assert RegisterEntry.objects.count() == 2, "added to, never changed"
    [_, event] = told("person.register_said")
    assert event.detail["status"] == "suspended"
    assert access.allowed(clara, Action.LOG, harbour), "it stops nobody from working"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"register": ""}, "register"),
        ({"status": "fine"}, "status"),
        ({"checked_on": None}, "checked_on"),
        ({"status": "unchecked"}, "checked_on"),
        ({"checked_on": make.on_day(1)}, "checked_on"),
        ({"checked_on": date(1, 1, 1)}, "checked_on"),
    ],
)
def test_what_is_no_check(harbour, maeve, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        check(clara, harbour, maeve, **changes)
    assert refused.value.field == field


def test_nobody_checks_themselves(harbour, maeve, clara):
    with pytest.raises(NotAllowed):
        check(maeve, harbour, maeve)
    with pytest.raises(NotAllowed):
        check(maeve, harbour, a_key(maeve, harbour))
    with pytest.raises(IntegrityError), transaction.atomic():
        RegisterEntry.objects.create(
            user=maeve,
            practice=harbour,
            register="GMC",
            number="1",
            status="registered",
            checked_on=make.day(),
            checked_by=maeve,
        )


CONCERNS = [
    ("nothing on file", None, "no professional number"),
    ("not checked", {"status": "unchecked", "checked_on": None}, "nobody has checked"),
    ("checked today", {"checked_on": 0}, ""),
    ("checked a year ago", {"checked_on": -365}, ""),
    ("checked a year and a day ago", {"checked_on": -366}, "last checked on"),
    ("with conditions", {"status": "conditions", "checked_on": 0}, "with conditions"),
    ("suspended", {"status": "suspended", "checked_on": 0}, "suspended"),
    ("absent", {"status": "absent", "checked_on": 0}, "not on the register"),
]


@pytest.mark.parametrize(("said", "changes", "concern"), CONCERNS, ids=[c[0] for c in CONCERNS])
def test_what_is_to_be_done_about_a_number(harbour, maeve, clara, said, changes, concern):
    if changes is not None:
        given = dict(changes)
        if given["checked_on"] is not None:
            given["checked_on"] = make.day(given["checked_on"])
        check(clara, harbour, maeve, **given)
    [found] = [each for each in queries.colleagues(harbour) if each.user == clara]
    assert concern in found.concern
    assert bool(concern) == bool(found.concern)
    [admin] = [each for each in queries.colleagues(harbour) if each.user == maeve]
    assert not admin.concern, "an admin is on no register"


# -- Second factors ----------------------------------------------------------------------------


def with_factor(user):
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    return user


def ask(person, practice, by):
    return factors.ask(person=person, practice=practice, reason="seen in person", by=by)


def test_two_others_reset_a_factor_and_the_person_is_told(
    harbour, maeve, iris, clara, mailoutbox, django_capture_on_commit_callbacks
):
    with_factor(clara)
    with_factor(maeve)
    session = sign_in(clara)
    with django_capture_on_commit_callbacks(execute=True):
        reset = ask(clara, harbour, maeve)
        assert Authenticator.objects.filter(user=clara).exists(), "one person alone does nothing"
        factors.agree(reset=reset, by=iris)
    assert not Authenticator.objects.filter(user=clara).exists()
    assert Authenticator.objects.filter(user=maeve).exists()
    assert not SessionStore().exists(session)
    assert [message.to for message in mailoutbox] == [["clara@example.org"]] * 2
    [event] = told("factor_reset.agreed")
    assert (event.actor_id, event.detail["asked_by"]) == (iris.pk, maeve.pk)
    assert factors.tell(user=clara) == reset
    assert factors.tell(user=clara) is None, "once"


def test_neither_alone_nor_for_oneself(harbour, maeve, iris, clara):
    with_factor(clara)
    with_factor(iris)
    reset = ask(clara, harbour, maeve)
    with pytest.raises(NotAllowed, match="yourself"):
        factors.agree(reset=reset, by=maeve)
    with pytest.raises(NotAllowed):
        factors.agree(reset=reset, by=clara)
    with pytest.raises(NotAllowed, match="own second factor"):
        ask(iris, harbour, iris)
    of_iris = ask(iris, harbour, maeve)
    with pytest.raises(NotAllowed, match="own second factor"):
        factors.agree(reset=of_iris, by=iris)
    for answered_by in (maeve, iris):
        with pytest.raises(IntegrityError), transaction.atomic():
            FactorReset.objects.filter(pk=of_iris.pk).update(
                answer="agreed", answered_at=timezone.now(), answered_by=answered_by
            )
    assert Authenticator.objects.count() == 2


@pytest.mark.parametrize("role", [role for role in Role if role != PRACTICE_ADMIN])
def test_no_other_role_resets_a_factor(harbour, maeve, clara, role):
    with_factor(clara)
    other = make.person("somebody", harbour, role)
    with pytest.raises(NotAllowed):
        ask(clara, harbour, other)
    reset = ask(clara, harbour, maeve)
    with pytest.raises(NotAllowed):
        factors.agree(reset=reset, by=other)


@pytest.mark.parametrize(("hours", "lapsed"), [(23.9, False), (24.1, True)])
def test_a_request_lapses_after_a_day(harbour, maeve, iris, clara, hours, lapsed):
    with_factor(clara)
    reset = ask(clara, harbour, maeve)
    FactorReset.objects.update(ends_at=reset.ends_at - timedelta(hours=hours))
    if not lapsed:
        with pytest.raises(IllegalMove, match="already"):
            ask(clara, harbour, maeve)
        assert factors.agree(reset=reset, by=iris).answer == "agreed"
        return
    with pytest.raises(IllegalMove, match="24 hours"):
        factors.agree(reset=reset, by=iris)
    assert ask(clara, harbour, maeve).pk != reset.pk


def test_what_one_who_is_no_admin_any_more_asked_does_not_hold(harbour, maeve, iris, clara):
    with_factor(clara)
    niall = make.person("niall", harbour, PRACTICE_ADMIN)
    reset = ask(clara, harbour, niall)
    leaving.leave(person=niall, practice=harbour, by=maeve)
    with pytest.raises(IllegalMove, match="no practice admin"):
        factors.agree(reset=FactorReset.objects.get(pk=reset.pk), by=iris)


def test_refused_or_taken_back_the_factor_stays(harbour, maeve, iris, clara):
    with_factor(clara)
    assert factors.refuse(reset=ask(clara, harbour, maeve), by=iris).answer == "refused"
    assert factors.refuse(reset=ask(clara, harbour, maeve), by=maeve).answer == "lapsed"
    assert Authenticator.objects.filter(user=clara).exists()


@pytest.mark.django_db(transaction=True)
def test_a_code_that_two_use_at_once_lets_one_in(harbour, maeve):
    code = invite(harbour, maeve).code
    start, made = threading.Barrier(2), []

    def use(username):
        start.wait()
        try:
            made.append(accept(code, username=username))
        except NotFound:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use, args=(name,)) for name in ("tom", "tim")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert Membership.objects.filter(practice=harbour, role=CLINICIAN).count() == 1


# -- Practices ---------------------------------------------------------------------------------


def test_who_sets_a_practice_up_is_its_first_admin(harbour, maeve):
    quay = practices.set_up(
        code="quay",
        name="Liffey Quay",
        profile="EU",
        country="IE",
        time_zone="Europe/Dublin",
        by=maeve,
    )
    assert held(maeve, quay) == {PRACTICE_ADMIN}
    assert (quay.country_name, quay.language_tag) == ("Ireland", "en-IE")
    assert [event.actor_id for event in told("practice.set_up")] == [maeve.pk]


@pytest.mark.parametrize("role", [role for role in Role if role != PRACTICE_ADMIN])
def test_nobody_else_sets_one_up_or_changes_it(harbour, role):
    by = make.person("somebody", harbour, role)
    with pytest.raises(NotAllowed):
        practices.set_up(code="quay", name="Liffey Quay", profile="EU", by=by)
    if role != Role.PROVISIONING_CLIENT:
        with pytest.raises(NotAllowed):
            practices.edit(practice=harbour, name="Mine", by=by)


def test_what_differs_is_told_before_and_after(harbour, maeve):
    practices.edit(practice=harbour, telephone="01632 960114", name=harbour.name, by=maeve)
    [event] = told("practice.changed")
    assert event.detail == {"before": {"telephone": ""}, "after": {"telephone": "01632 960114"}}
    practices.edit(practice=harbour, telephone="01632 960114", by=maeve)
    assert told("practice.changed").count() == 1


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("country", "IE", "IRL"),
        ("time_zone", "Europe/Dublin", "Dublin"),
        ("locale", "ga-IE", "irish"),
        ("email", "desk@harbour.example", "desk"),
        ("profile", "EU", "XX"),
        ("name", "Harbour", ""),
    ],
)
def test_what_may_be_said_of_a_practice(harbour, maeve, field, good, bad):
    with pytest.raises(BadRecord) as refused:
        practices.edit(practice=harbour, by=maeve, **{field: bad})
    assert refused.value.field == field
    practices.edit(practice=harbour, by=maeve, **{field: good})
    assert getattr(Practice.objects.get(pk=harbour.pk), field) == good


def test_the_profile_of_a_practice_with_patients_stays(harbour, maeve, clara):
    make.patient(harbour, clara)
    with pytest.raises(BadRecord, match="stays of the same base"):
        practices.edit(practice=harbour, profile="EU", by=maeve)


# -- Sessions ----------------------------------------------------------------------------------


def test_only_ones_own_sessions_end(harbour, clara, ravi):
    mine = [sign_in(clara) for _ in range(3)]
    other = sign_in(ravi)
    assert sessions.count(clara) == 3
    assert sessions.end_all(clara) == 3
    assert not any(SessionStore().exists(key) for key in mine)
    assert SessionStore().exists(other)
    assert sessions.count(clara) == 0
