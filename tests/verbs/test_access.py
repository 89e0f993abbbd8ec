"""Role by action by practice: the whole table, legal or not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews import access
from reviews.access import GRANTS, Action
from reviews.errors import NotAllowed, NotFound
from reviews.models import Case, Patient, Role
from tests import make

OWN_JOBS = {Action.SEE_JOBS, Action.CANCEL_JOB}
KEEPS_PEOPLE = {
    Action.SEE_PEOPLE,
    Action.INVITE,
    Action.GIVE_ROLES,
    Action.CHECK_REGISTER,
    Action.END_WORK,
    Action.EDIT_PRACTICE,
}
LETTERS = {Action.WRITE_LETTER, Action.SEE_RECALL, Action.OPT_OUT}
# Written out by hand on purpose: a change to the table must be a change here.
MAY = {
    Role.CLINICIAN: {
        *OWN_JOBS,
        *LETTERS,
        Action.SEE_PATIENT,
        Action.SEE_NUMBERS,
        Action.BREAK_GLASS,
        Action.REGISTER,
        Action.LOG,
        Action.AMEND,
        Action.WITHDRAW,
        Action.WRITE_NOTE,
        Action.RECORD_FACT,
        Action.CHECK_DATA,
        Action.JUDGE_MEDICINES,
        Action.IDENTIFY,
        Action.TAPER,
        Action.SEE_QUEUE,
        Action.SEE_WORK,
        Action.MESSAGE,
        Action.ANSWER,
        Action.CALL_UNHELPFUL,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
    },
    Role.REVIEWER: {
        Action.REPLAY,
        *OWN_JOBS,
        *LETTERS,
        Action.RECALL,
        Action.SEE_PATIENT,
        Action.SEE_NUMBERS,
        Action.BREAK_GLASS,
        Action.MARK_SENSITIVE,
        Action.REGISTER,
        Action.WRITE_NOTE,
        Action.RECORD_FACT,
        Action.CHECK_DATA,
        Action.JUDGE_MEDICINES,
        Action.IDENTIFY,
        Action.IDENTIFY_MEDICINES,
        Action.EXEMPT,
        Action.TAPER,
        Action.SEE_QUEUE,
        Action.SEE_WORK,
        Action.CLAIM,
        Action.RELEASE,
        Action.HAND_OVER,
        Action.DECIDE,
        Action.SNOOZE,
        Action.ESCALATE,
        Action.MESSAGE,
        Action.ANSWER,
        Action.CALL_UNHELPFUL,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
    },
    Role.FORMULARY_ADMIN: {
        Action.SEE_INTEGRATIONS,
        *OWN_JOBS,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
        Action.EDIT_FORMULARY,
        Action.SET_LOCAL_STATUS,
        Action.KEEP_GROUPS,
        Action.MOVE_TO_GROUP,
        Action.DRAFT,
        Action.PUBLISH,
        Action.EDIT_LETTER_TEXTS,
        Action.PUBLISH_LETTER_TEXTS,
        Action.MANAGE_CLIENTS,
        Action.REVOKE_KEYS,
        Action.OVERSEE_JOBS,
        Action.ANSWER_UNHELPFUL,
        Action.MANAGE_WEBHOOKS,
    },
    Role.AUDITOR: {
        Action.REPLAY,
        *OWN_JOBS,
        Action.SEE_RECALL,
        Action.SEE_PATIENT,
        Action.SEE_QUEUE,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
        Action.SEE_AUDIT,
    },
    Role.INTEGRATION_CLIENT: {
        *OWN_JOBS,
        Action.SEE_PATIENT,
        Action.SEE_NUMBERS,
        Action.REGISTER,
        Action.RECORD_FACT,
        Action.SYNC,
        Action.BULK_EXPORT,
        Action.FOLLOW,
        Action.SHOW_BY_HOOK,
        Action.OWN_WEBHOOKS,
        Action.SEE_OWN_TRAIL,
        Action.SEE_QUEUE,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
    },
    Role.PRACTICE_ADMIN: {
        *OWN_JOBS,
        *KEEPS_PEOPLE,
        Action.MOVE_TO_GROUP,
        Action.SEE_FORMULARY,
        Action.SEE_LETTER_TEXTS,
        Action.PROVISION,
        Action.REVOKE_KEYS,
        Action.RESET_FACTOR,
        Action.SET_UP_PRACTICE,
    },
    Role.PROVISIONING_CLIENT: KEEPS_PEOPLE,
}
CLINICAL = {
    Action.SEE_PATIENT,
    Action.SEE_NUMBERS,
    Action.BREAK_GLASS,
    Action.SEE_QUEUE,
    Action.SEE_AUDIT,
    Action.SEE_WORK,
    Action.MANAGE_CLIENTS,
    Action.SYNC,
    Action.MESSAGE,
    Action.ANSWER,
}
"""What shows something of a patient, or makes something that does."""
PAIRS = [(role, action) for role in Role for action in Action]


def test_every_action_has_a_row():
    assert set(GRANTS) == set(Action)


@pytest.mark.parametrize(("role", "action"), PAIRS, ids=[f"{r}-{a.name}" for r, a in PAIRS])
def test_role_by_action(role, action, harbour, lakeside):
    user = make.person("somebody", harbour, role)
    assert access.allowed(user, action, harbour) == (action in MAY[role])
    elsewhere = action in MAY[role] and GRANTS[action].anywhere
    assert access.allowed(user, action, lakeside) == elsewhere


@pytest.mark.parametrize("role", [Role.PRACTICE_ADMIN, Role.PROVISIONING_CLIENT])
def test_who_keeps_people_sees_no_patient(role):
    assert not MAY[role] & CLINICAL


def test_who_gives_which_role():
    """A formulary admin publishes for every practice: nobody of one practice makes one."""
    given = {
        Role.PRACTICE_ADMIN: {
            *(Role.CLINICIAN, Role.REVIEWER, Role.AUDITOR, Role.PRACTICE_ADMIN),
        },
        Role.PROVISIONING_CLIENT: {Role.CLINICIAN, Role.REVIEWER},
    }
    assert given == access.GIVES


def test_a_role_counts_until_it_ends(harbour, clara):
    soon = timezone.now() + timedelta(seconds=30)
    clara.memberships.update(ends_at=soon)
    assert access.allowed(make.person("clara", harbour), Action.LOG, harbour)
    clara.memberships.update(ends_at=timezone.now())
    access.forget(clara)
    assert not access.allowed(clara, Action.LOG, harbour)
    assert not access.practices(clara, Action.SEE_PATIENT)


def test_one_person_may_hold_several_roles(harbour):
    user = make.person("both", harbour, Role.CLINICIAN, Role.REVIEWER)
    assert access.allowed(user, Action.LOG, harbour)
    assert access.allowed(user, Action.DECIDE, harbour)


def test_nobody_without_a_role_or_no_longer_active(harbour, clara):
    stranger = make.person("stranger", make.practice("other", name="Other"), Role.CLINICIAN)
    assert not access.allowed(stranger, Action.SEE_PATIENT, harbour)
    clara.is_active = False
    assert not access.allowed(clara, Action.SEE_PATIENT, harbour)


def test_lists_are_scoped_where_they_start(harbour, lakeside, clara, ada):
    doctor = make.person("doc", lakeside, Role.CLINICIAN)
    here, there = make.patient(harbour, clara), make.patient(lakeside, doctor)
    everybody = Patient.objects.all()
    assert list(access.scope(everybody, clara, Action.SEE_PATIENT)) == [here]
    assert list(access.scope(everybody, doctor, Action.SEE_PATIENT)) == [there]
    assert not access.scope(everybody, ada, Action.SEE_PATIENT)
    assert not access.scope(Case.objects.all(), ada, Action.SEE_QUEUE)
    with pytest.raises(NotFound):
        access.fetch(everybody, doctor, Action.SEE_PATIENT, pk=here.pk)


def test_refusal_names_the_action(harbour, ravi):
    with pytest.raises(NotAllowed, match="log prescriptions"):
        access.require(ravi, Action.LOG, harbour)
