"""Who may do what, and where: one table. Lists start from `scope`, so nobody sees beyond it."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Exists, Model, OuterRef, QuerySet

from reviews import walls
from reviews.errors import NotAllowed, NotFound, ReasonNeeded
from reviews.fhir.write.conforming import DEFINITIONS
from reviews.models import (
    MACHINES,
    BreakGlass,
    Membership,
    Patient,
    Practice,
    Role,
    SensitiveMark,
)

Row = TypeVar("Row", bound=Model)

CLINICIAN = Role.CLINICIAN
REVIEWER = Role.REVIEWER
FORMULARY_ADMIN = Role.FORMULARY_ADMIN
AUDITOR = Role.AUDITOR
CLIENT = Role.INTEGRATION_CLIENT
PRACTICE_ADMIN = Role.PRACTICE_ADMIN
PROVISIONER = Role.PROVISIONING_CLIENT


class Action(StrEnum):
    SEE_PATIENT = "see patients"
    REGISTER = "register patients"
    LOG = "log prescriptions"
    AMEND = "amend prescriptions"
    WITHDRAW = "withdraw prescriptions"
    WRITE_NOTE = "write notes on patients"
    RECORD_FACT = "record conditions and readings"
    SEE_NUMBERS = "see the whole numbers of patients"
    IDENTIFY = "say whose a record is, and who is who"
    CHECK_DATA = "answer what was called wrong in the record"
    JUDGE_MEDICINES = "say that a medicine is no sedative"
    IDENTIFY_MEDICINES = "say which medicine an unknown text is"
    EXEMPT = "exempt patients from rules"
    TAPER = "plan and change tapers"
    SYNC = "sync records"
    BULK_EXPORT = "export records in bulk"
    FOLLOW = "follow the feed of changes"
    SHOW_BY_HOOK = "have orders screened while they are written"
    SEE_QUEUE = "see the review queue"
    SEE_WORK = "have cases of your own"
    CLAIM = "claim cases"
    RELEASE = "release cases"
    HAND_OVER = "hand cases over"
    DECIDE = "decide on cases"
    SNOOZE = "snooze cases"
    ESCALATE = "escalate cases"
    MESSAGE = "write to the people of a case"
    ANSWER = "answer what is asked about a case"
    CALL_UNHELPFUL = "say that a finding does not help"
    ANSWER_UNHELPFUL = "answer what was called unhelpful"
    WRITE_LETTER = "write letters"
    SEE_RECALL = "see recall lists"
    RECALL = "keep recall lists, and write to those on them"
    OPT_OUT = "leave people out of recall letters until a day"
    SEE_LETTER_TEXTS = "see the texts of letters"
    EDIT_LETTER_TEXTS = "draft texts of letters"
    PUBLISH_LETTER_TEXTS = "publish texts of letters"
    SEE_FORMULARY = "see the formulary and the rules"
    EDIT_FORMULARY = "edit the formulary"
    DRAFT = "draft rule books"
    PUBLISH = "publish rule books"
    MANAGE_CLIENTS = "make keys for records"
    PROVISION = "make keys that keep people"
    REVOKE_KEYS = "see and revoke keys"
    SEE_INTEGRATIONS = "see how connected systems do"
    MANAGE_WEBHOOKS = "keep receivers of events"
    OWN_WEBHOOKS = "keep receivers of events of your own"
    SEE_PEOPLE = "see who works here"
    INVITE = "invite people"
    GIVE_ROLES = "give and take roles"
    CHECK_REGISTER = "record what a register says of people"
    END_WORK = "say that people leave"
    RESET_FACTOR = "reset second factors"
    SET_UP_PRACTICE = "set practices up"
    EDIT_PRACTICE = "change what is known of the practice"
    KEEP_GROUPS = "make groups of practices, and say what they can get"
    SET_LOCAL_STATUS = "say which medicines the practice can get"
    MOVE_TO_GROUP = "move the practice into a group of practices"
    BREAK_GLASS = "open a record in an emergency"
    MARK_SENSITIVE = "mark records as sensitive"
    REPLAY = "replay what was said of patients on a day"
    SEE_AUDIT = "see the audit trail"
    SEE_OWN_TRAIL = "see in the audit trail what a system did itself"
    SEE_JOBS = "see long jobs of your own"
    CANCEL_JOB = "cancel long jobs of your own"
    OVERSEE_JOBS = "see and cancel everybody’s long jobs"


@dataclass(frozen=True)
class Grant:
    """The roles that may. `anywhere`: a role at any practice is enough (the subject has none)."""

    roles: frozenset[str]
    anywhere: bool = False


def _grant(*roles: str, anywhere: bool = False) -> Grant:
    return Grant(frozenset(roles), anywhere)


EVERYBODY = tuple(role for role in Role if role != PROVISIONER)

GRANTS = {
    Action.SEE_PATIENT: _grant(CLINICIAN, REVIEWER, AUDITOR, CLIENT),
    Action.SEE_NUMBERS: _grant(CLINICIAN, REVIEWER, CLIENT),
    Action.REGISTER: _grant(CLINICIAN, REVIEWER, CLIENT),
    Action.LOG: _grant(CLINICIAN),
    Action.AMEND: _grant(CLINICIAN),
    Action.WITHDRAW: _grant(CLINICIAN),
    Action.WRITE_NOTE: _grant(CLINICIAN, REVIEWER),
    Action.RECORD_FACT: _grant(CLINICIAN, REVIEWER, CLIENT),
    Action.IDENTIFY: _grant(CLINICIAN, REVIEWER),
    Action.CHECK_DATA: _grant(CLINICIAN, REVIEWER),
    Action.JUDGE_MEDICINES: _grant(CLINICIAN, REVIEWER),
    Action.IDENTIFY_MEDICINES: _grant(REVIEWER),
    Action.EXEMPT: _grant(REVIEWER),
    Action.TAPER: _grant(CLINICIAN, REVIEWER),
    Action.SYNC: _grant(CLIENT),
    Action.BULK_EXPORT: _grant(CLIENT),
    Action.FOLLOW: _grant(CLIENT),
    Action.SHOW_BY_HOOK: _grant(CLIENT),
    Action.SEE_QUEUE: _grant(CLINICIAN, REVIEWER, AUDITOR, CLIENT),
    Action.SEE_WORK: _grant(CLINICIAN, REVIEWER),
    Action.CLAIM: _grant(REVIEWER),
    Action.RELEASE: _grant(REVIEWER),
    Action.HAND_OVER: _grant(REVIEWER),
    Action.DECIDE: _grant(REVIEWER),
    Action.SNOOZE: _grant(REVIEWER),
    Action.ESCALATE: _grant(REVIEWER),
    Action.MESSAGE: _grant(CLINICIAN, REVIEWER),
    Action.ANSWER: _grant(CLINICIAN, REVIEWER),
    Action.CALL_UNHELPFUL: _grant(CLINICIAN, REVIEWER),
    Action.ANSWER_UNHELPFUL: _grant(FORMULARY_ADMIN),
    Action.WRITE_LETTER: _grant(CLINICIAN, REVIEWER),
    Action.SEE_RECALL: _grant(CLINICIAN, REVIEWER, AUDITOR),
    Action.RECALL: _grant(REVIEWER),
    Action.OPT_OUT: _grant(CLINICIAN, REVIEWER),
    Action.SEE_LETTER_TEXTS: _grant(*EVERYBODY, anywhere=True),
    Action.EDIT_LETTER_TEXTS: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.PUBLISH_LETTER_TEXTS: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.SEE_FORMULARY: _grant(*EVERYBODY, anywhere=True),
    Action.EDIT_FORMULARY: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.DRAFT: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.PUBLISH: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.MANAGE_CLIENTS: _grant(FORMULARY_ADMIN),
    Action.SEE_INTEGRATIONS: _grant(FORMULARY_ADMIN),
    Action.MANAGE_WEBHOOKS: _grant(FORMULARY_ADMIN),
    Action.OWN_WEBHOOKS: _grant(CLIENT),
    Action.PROVISION: _grant(PRACTICE_ADMIN),
    Action.REVOKE_KEYS: _grant(FORMULARY_ADMIN, PRACTICE_ADMIN),
    Action.SEE_PEOPLE: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.INVITE: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.GIVE_ROLES: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.CHECK_REGISTER: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.END_WORK: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.RESET_FACTOR: _grant(PRACTICE_ADMIN),
    Action.SET_UP_PRACTICE: _grant(PRACTICE_ADMIN, anywhere=True),
    Action.EDIT_PRACTICE: _grant(PRACTICE_ADMIN, PROVISIONER),
    Action.KEEP_GROUPS: _grant(FORMULARY_ADMIN, anywhere=True),
    Action.SET_LOCAL_STATUS: _grant(FORMULARY_ADMIN),
    Action.MOVE_TO_GROUP: _grant(FORMULARY_ADMIN, PRACTICE_ADMIN),
    Action.BREAK_GLASS: _grant(CLINICIAN, REVIEWER, anywhere=True),
    Action.MARK_SENSITIVE: _grant(REVIEWER),
    Action.REPLAY: _grant(REVIEWER, AUDITOR),
    Action.SEE_AUDIT: _grant(AUDITOR),
    Action.SEE_OWN_TRAIL: _grant(CLIENT),
    Action.SEE_JOBS: _grant(*EVERYBODY, anywhere=True),
    Action.CANCEL_JOB: _grant(*EVERYBODY, anywhere=True),
    Action.OVERSEE_JOBS: _grant(FORMULARY_ADMIN, anywhere=True),
}

GIVES: dict[Role, frozenset[Role]] = {
    PRACTICE_ADMIN: frozenset({CLINICIAN, REVIEWER, AUDITOR, PRACTICE_ADMIN}),
    PROVISIONER: frozenset({CLINICIAN, REVIEWER}),
}
"""Which roles the holders of a role give and take at their practice. A formulary admin publishes
for every practice, so nobody of one practice makes one: the command on the portal's machine does.
"""


def gives(by: User | None, practice: Practice) -> frozenset[Role]:
    """The roles that `by` gives and takes at a practice; None is the portal, who gives any."""
    if by is None:
        return frozenset(Role) - frozenset(MACHINES)
    held = roles_of(by).get(practice.pk, set())
    return frozenset().union(*(given for role, given in GIVES.items() if role in held))


ENDS: dict[Role, frozenset[Role]] = {
    PRACTICE_ADMIN: frozenset(Role) - frozenset(MACHINES),
    PROVISIONER: GIVES[PROVISIONER],
}
"""Whose work the holders of a role end at their practice: of whoever holds none but these roles. A
key ends no more than it gives."""


def ends(by: User | None, practice: Practice) -> frozenset[Role]:
    """The roles whose holders' work `by` ends at a practice; None is the portal, who ends any."""
    if by is None:
        return frozenset(Role) - frozenset(MACHINES)
    held = roles_of(by).get(practice.pk, set())
    return frozenset().union(*(ended for role, ended in ENDS.items() if role in held))


@dataclass(frozen=True)
class Door:
    """An address: what somebody must be allowed to be shown it (`see`) and to send to it (`do`).

    All of the actions, or one of them where `either`; None where there is nothing to see, or to
    send; no action at all where being signed in is enough. `own`: only what they made themselves.
    `public`: nobody has to be signed in. `system`: it is for keys, and nobody signs in there.
    `by` is the method that sends to it.
    """

    see: tuple[Action, ...] | None = None
    do: tuple[Action, ...] | None = None
    either: bool = False
    own: bool = False
    public: bool = False
    system: bool = False
    by: str = "POST"

    def opens(self, role: str, actions: tuple[Action, ...]) -> bool:
        """Whether a role may; where it is held, unless what is there belongs to no practice."""
        if self.system and role not in MACHINES:
            return False
        each = [role in GRANTS[action].roles for action in actions]
        return any(each) if self.either else all(each)

    def anywhere(self, actions: tuple[Action, ...]) -> bool:
        """Whether it is the same behind it in every practice."""
        return any(GRANTS[action].anywhere for action in actions)


def _page(*see: Action, **more: Any) -> Door:
    return replace(Door(see=see), **more)


def _button(*do: Action, **more: Any) -> Door:
    return replace(Door(do=do), **more)


def _form(*both: Action, **more: Any) -> Door:
    return replace(Door(see=both, do=both), **more)


FHIR: dict[str, tuple[Action, ...]] = {
    "Patient": (Action.SEE_PATIENT,),
    "Group": (Action.SEE_PATIENT,),
    "Practitioner": (Action.SEE_PATIENT, Action.SEE_PEOPLE),
    "PractitionerRole": (Action.SEE_PATIENT, Action.SEE_PEOPLE),
    "Organization": (Action.SEE_PATIENT, Action.SEE_PEOPLE),
    "Medication": (Action.SEE_PATIENT,),
    "MedicationRequest": (Action.SEE_PATIENT,),
    "MedicationDispense": (Action.SEE_PATIENT,),
    "MedicationStatement": (Action.SEE_PATIENT,),
    "MedicationAdministration": (Action.SEE_PATIENT,),
    "Condition": (Action.SEE_PATIENT,),
    "Observation": (Action.SEE_PATIENT,),
    "AllergyIntolerance": (Action.SEE_PATIENT,),
    "DetectedIssue": (Action.SEE_QUEUE,),
    "Task": (Action.SEE_QUEUE,),
    "Communication": (Action.SEE_QUEUE,),
    "CarePlan": (Action.SEE_PATIENT,),
    "AuditEvent": (Action.SEE_AUDIT, Action.SEE_OWN_TRAIL),
    "Provenance": (Action.SEE_PATIENT,),
}
"""`{type of a FHIR resource: what lets somebody see it, any one of these}`."""

DOORS = {
    "healthz": _page(public=True),
    "queue": _page(Action.SEE_QUEUE),
    "queue-claim": _button(Action.SEE_QUEUE, Action.CLAIM),
    "queue-answer": _form(Action.SEE_QUEUE, Action.DECIDE),
    "queue-view-save": _button(Action.SEE_QUEUE),
    "queue-view": _button(own=True),
    "my-work": _page(Action.SEE_WORK),
    "hand-over": _button(Action.SEE_WORK, Action.HAND_OVER),
    "case": _page(Action.SEE_QUEUE),
    "decisions-undo": _button(Action.SEE_QUEUE, Action.DECIDE),
    "work-session": _page(Action.SEE_QUEUE),
    "work-session-leave": _button(Action.SEE_QUEUE),
    "case-decide": _button(Action.SEE_QUEUE, Action.DECIDE),
    "case-confirm": _button(Action.SEE_QUEUE, Action.DECIDE),
    "case-send-back": _button(Action.SEE_QUEUE, Action.DECIDE),
    "case-undo": _button(Action.SEE_QUEUE, Action.DECIDE),
    "case-claim": _button(Action.SEE_QUEUE, Action.CLAIM),
    "case-release": _button(Action.SEE_QUEUE, Action.RELEASE),
    "case-snooze": _button(Action.SEE_QUEUE, Action.SNOOZE),
    "case-escalate": _button(Action.SEE_QUEUE, Action.ESCALATE),
    "case-thread": _page(Action.SEE_QUEUE),
    "case-message": _button(Action.SEE_QUEUE, Action.MESSAGE),
    "message-answer": _button(Action.SEE_WORK, Action.ANSWER),
    "message-close": _button(Action.SEE_WORK, Action.MESSAGE, own=True),
    "message-keep": _button(Action.SEE_WORK, Action.ANSWER, own=True),
    "finding-unhelpful": _button(Action.SEE_PATIENT, Action.CALL_UNHELPFUL),
    "opinions": _page(Action.ANSWER_UNHELPFUL),
    "opinion-answer": _button(Action.ANSWER_UNHELPFUL),
    "data-quality": _page(Action.SEE_QUEUE),
    "data-quality-check": _button(Action.SEE_QUEUE, Action.CHECK_DATA),
    "import-note-answer": _button(Action.SEE_PATIENT, Action.CHECK_DATA),
    "unknown-medicines": _page(Action.EDIT_FORMULARY, Action.JUDGE_MEDICINES, either=True),
    "unknown-medicines-judge": _button(Action.EDIT_FORMULARY, Action.JUDGE_MEDICINES, either=True),
    "unknown-medicines-take-back": _button(Action.JUDGE_MEDICINES),
    "unknown-medicines-meaning-take-back": _button(Action.IDENTIFY_MEDICINES),
    "search": _page(Action.SEE_FORMULARY),
    "patients": _page(Action.SEE_PATIENT),
    "patient": _page(Action.SEE_PATIENT),
    "patient-medicines": _page(Action.SEE_PATIENT),
    "patient-note-write": _button(Action.SEE_PATIENT, Action.WRITE_NOTE),
    "patient-note-strike": _button(Action.SEE_PATIENT, Action.WRITE_NOTE),
    "patient-checked": _page(Action.SEE_PATIENT),
    "patient-replay": _page(Action.SEE_PATIENT, Action.REPLAY),
    "patient-register": _form(Action.REGISTER),
    "patient-condition": _form(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-condition-end": _form(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-death": _form(Action.SEE_PATIENT, Action.CHECK_DATA),
    "patient-readings": _page(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-reading": _form(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-reading-correct": _form(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-review": _form(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-review-would": _button(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-review-shown": _page(Action.SEE_PATIENT),
    "patient-review-take-back": _button(Action.SEE_PATIENT, Action.RECORD_FACT),
    "patient-exempt": _form(Action.SEE_PATIENT, Action.EXEMPT),
    "patient-exemption-end": _form(Action.SEE_PATIENT, Action.EXEMPT),
    "patient-audit": _page(Action.SEE_AUDIT),
    "patient-printed": _button(Action.SEE_PATIENT),
    "break-glass": _form(Action.BREAK_GLASS),
    "break-glass-end": _button(Action.BREAK_GLASS, own=True),
    "break-glass-look": _button(Action.SEE_AUDIT),
    "patient-reason": _form(Action.SEE_PATIENT),
    "patient-sensitive": _form(Action.SEE_PATIENT, Action.MARK_SENSITIVE),
    "waiting-records": _page(Action.IDENTIFY),
    "waiting-record": _form(Action.IDENTIFY),
    "patient-merge": _form(Action.SEE_PATIENT, Action.IDENTIFY),
    "merge-undo": _form(Action.IDENTIFY),
    "kept-apart-undo": _form(Action.IDENTIFY),
    "prescription-log": _form(Action.SEE_PATIENT, Action.LOG),
    "prescription-preview": _button(Action.SEE_PATIENT, Action.LOG),
    "medicine-search": _page(Action.SEE_PATIENT, Action.LOG),
    "prescription-amend": _form(Action.SEE_PATIENT, Action.AMEND),
    "prescription-withdraw": _form(Action.SEE_PATIENT, Action.WITHDRAW),
    "taper-plan": _form(Action.SEE_PATIENT, Action.TAPER),
    "taper": _page(Action.SEE_PATIENT),
    "taper-sheet": _page(Action.SEE_PATIENT),
    "taper-move": _button(Action.SEE_PATIENT, Action.TAPER),
    "formulary": _page(Action.SEE_FORMULARY),
    "drug": _page(Action.SEE_FORMULARY),
    "drug-here": _form(Action.SET_LOCAL_STATUS),
    "drug-here-take-back": _button(Action.SET_LOCAL_STATUS),
    "formulary-file": _form(Action.EDIT_FORMULARY),
    "formulary-rows": _page(Action.SEE_FORMULARY),
    "drug-add": _form(Action.EDIT_FORMULARY),
    "drug-edit": _form(Action.EDIT_FORMULARY),
    "drug-retire": _button(Action.EDIT_FORMULARY),
    "rules": _page(Action.SEE_FORMULARY),
    "rule": _page(Action.SEE_FORMULARY),
    "sign-off": _form(Action.EDIT_FORMULARY),
    "upkeep": _page(Action.EDIT_FORMULARY),
    "upkeep-give": _button(Action.EDIT_FORMULARY),
    "code-lists": _page(Action.SEE_FORMULARY),
    "code-list": _page(Action.SEE_FORMULARY),
    "code-list-in-force": _button(Action.EDIT_FORMULARY),
    "code-list-out-of-force": _button(Action.EDIT_FORMULARY),
    "rulebooks": _page(Action.SEE_FORMULARY),
    "rulebook": _page(Action.SEE_FORMULARY),
    "rulebook-draft": _button(Action.DRAFT),
    "rulebook-publish": _button(Action.PUBLISH),
    "rulebook-discard": _button(Action.DRAFT),
    "rulebook-roll-back": _button(Action.DRAFT),
    "rulebook-compare": _page(Action.SEE_FORMULARY),
    "rulebook-comparison": _page(Action.SEE_FORMULARY),
    "rulebook-export": _page(Action.SEE_FORMULARY),
    "rule-draft-file": _form(Action.DRAFT),
    "rule-draft-facts": _page(Action.SEE_FORMULARY),
    "rulebook-what-if": _page(Action.SEE_FORMULARY),
    "rulebook-what-if-ask": _button(Action.DRAFT),
    "rulebook-what-if-counts": _page(Action.SEE_FORMULARY),
    "rulebook-shadow": _page(Action.SEE_FORMULARY),
    "rulebook-shadow-begin": _button(Action.DRAFT),
    "shadow-end": _button(Action.DRAFT),
    "rulebook-guarded": _page(Action.SEE_FORMULARY),
    "rulebook-guarded-begin": _button(Action.PUBLISH),
    "rulebook-guarded-widen": _button(Action.PUBLISH),
    "rulebook-guarded-to-shadow": _button(Action.DRAFT),
    "rulebook-guarded-roll-back": _button(Action.DRAFT),
    "rule-example-add": _form(Action.DRAFT),
    "rule-example-withdraw": _button(Action.DRAFT),
    "rulebook-explain": _button(Action.DRAFT),
    "rulebook-edit-answer": _button(Action.PUBLISH),
    "rule-change": _form(Action.DRAFT),
    "rule-draft": _page(Action.SEE_FORMULARY),
    "rule-draft-begin": _button(Action.DRAFT),
    "rule-draft-rebase": _button(Action.DRAFT),
    "rule-draft-freeze": _button(Action.DRAFT),
    "rule-draft-put-away": _button(Action.DRAFT),
    "rule-change-withdraw": _button(Action.DRAFT),
    "rule-change-confirm": _button(Action.DRAFT),
    "audit": _page(Action.SEE_AUDIT),
    "audit-day": _page(Action.SEE_AUDIT),
    "audit-event": _page(Action.SEE_AUDIT),
    "audit-verify": _button(Action.SEE_AUDIT),
    "audit-export": _button(Action.SEE_AUDIT),
    "people": _page(Action.SEE_PEOPLE),
    "people-of": _page(Action.SEE_PEOPLE),
    "people-invite": _form(Action.SEE_PEOPLE, Action.INVITE),
    "invitation-renew": _button(Action.INVITE),
    "invitation-withdraw": _button(Action.INVITE),
    "person": _form(Action.SEE_PEOPLE, Action.GIVE_ROLES),
    "person-register": _button(Action.SEE_PEOPLE, Action.CHECK_REGISTER),
    "person-leave": _form(Action.SEE_PEOPLE, Action.END_WORK),
    "person-reset": _button(Action.SEE_PEOPLE, Action.RESET_FACTOR),
    "reset-answer": _button(Action.RESET_FACTOR),
    "practice-new": _form(Action.SET_UP_PRACTICE),
    "practice-groups": _page(Action.SEE_FORMULARY),
    "profiles": _page(Action.SEE_FORMULARY),
    "profile": _page(Action.SEE_FORMULARY),
    "profile-add": _button(Action.DRAFT),
    "profile-change": _button(Action.DRAFT),
    "profile-take-away": _button(Action.DRAFT),
    "practice-group-make": _button(Action.KEEP_GROUPS),
    "practice-group-move": _button(Action.MOVE_TO_GROUP),
    "practice-edit": _form(Action.SEE_PEOPLE, Action.EDIT_PRACTICE),
    "join": _form(public=True),
    "integrations": _page(Action.SEE_INTEGRATIONS),
    "keys": _page(Action.REVOKE_KEYS),
    "key-make": _form(Action.MANAGE_CLIENTS, Action.PROVISION, either=True),
    "key-revoke": _form(Action.REVOKE_KEYS),
    "client-register": _form(Action.MANAGE_CLIENTS),
    "client": Door(see=(Action.REVOKE_KEYS,), do=(Action.REVOKE_KEYS, Action.MANAGE_CLIENTS)),
    "client-key-withdraw": _button(Action.REVOKE_KEYS),
    "client-withdraw": _form(Action.REVOKE_KEYS),
    "letter-texts": _page(Action.SEE_LETTER_TEXTS),
    "letter-text-new": _form(Action.EDIT_LETTER_TEXTS),
    "letter-text": Door(
        see=(Action.SEE_LETTER_TEXTS,), do=(Action.SEE_LETTER_TEXTS, Action.EDIT_LETTER_TEXTS)
    ),
    "letter-text-publish": _button(Action.PUBLISH_LETTER_TEXTS),
    "letter-text-put-away": _button(Action.EDIT_LETTER_TEXTS),
    "patient-letters": _form(Action.SEE_PATIENT, Action.WRITE_LETTER),
    "letter": _page(Action.SEE_PATIENT),
    "letter-pdf": _page(Action.SEE_PATIENT),
    "recall": _page(Action.SEE_RECALL),
    "recall-make": _form(Action.RECALL),
    "recall-list": _page(Action.SEE_RECALL),
    "recall-opt-out": _button(Action.SEE_RECALL, Action.OPT_OUT),
    "recall-ask-again": _button(Action.SEE_RECALL, Action.OPT_OUT),
    "recall-looked": _button(Action.SEE_RECALL, Action.OPT_OUT),
    "recall-write": _button(Action.SEE_RECALL, Action.RECALL),
    "recall-close": _button(Action.SEE_RECALL, Action.RECALL),
    "recall-answer": _button(Action.SEE_RECALL, Action.RECALL),
    "recall-pages": _page(Action.SEE_RECALL, Action.RECALL),
    "jobs": _page(Action.SEE_JOBS),
    "job-cancel": _form(Action.CANCEL_JOB, own=True),
    "job-again": _button(Action.CANCEL_JOB, own=True),
    "preferences": _form(),
    "preferences-digest": _button(),
    "api-schema": _page(public=True),
    "api-docs": _page(public=True),
    "api-prescriptions": _page(Action.SEE_PATIENT),
    "api-prescription": _page(Action.SEE_PATIENT),
    "api-prescriptions-sync": _button(Action.SYNC, system=True),
    "api-dispensings": _page(Action.SEE_PATIENT),
    "api-dispensing": _page(Action.SEE_PATIENT),
    "api-dispensings-sync": _button(Action.SYNC, system=True),
    "api-conditions-sync": _button(Action.SYNC, system=True),
    "api-readings": _page(Action.SEE_PATIENT),
    "api-reading": _page(Action.SEE_PATIENT),
    "api-readings-sync": _button(Action.SYNC, system=True),
    "api-reviews": _page(Action.SEE_PATIENT),
    "api-review": _page(Action.SEE_PATIENT),
    "api-tapers": _page(Action.SEE_PATIENT),
    "api-taper": _page(Action.SEE_PATIENT),
    "api-notes": _page(Action.SEE_PATIENT),
    "api-note": _page(Action.SEE_PATIENT),
    "api-patients": _page(Action.SEE_PATIENT),
    "api-patient": _page(Action.SEE_PATIENT),
    "api-patients-sync": _button(Action.SYNC, system=True),
    "api-flags": _page(Action.SEE_QUEUE),
    "api-flag": _page(Action.SEE_QUEUE),
    "api-cases": _page(Action.SEE_QUEUE),
    "api-case": _page(Action.SEE_QUEUE),
    "api-messages": _page(Action.SEE_QUEUE),
    "api-message": _page(Action.SEE_QUEUE),
    "api-decisions": _page(Action.SEE_QUEUE),
    "api-decision": _page(Action.SEE_QUEUE),
    "api-changes": _page(Action.FOLLOW, system=True),
    "api-practices": _page(Action.SEE_PEOPLE),
    "api-practice": Door(
        see=(Action.SEE_PEOPLE,), do=(Action.EDIT_PRACTICE,), system=True, by="PATCH"
    ),
    "api-people": _page(Action.SEE_PEOPLE),
    "api-person-roles": _button(Action.GIVE_ROLES, system=True, by="PUT"),
    "api-person-register": _button(Action.CHECK_REGISTER, system=True),
    "api-person-leave": _button(Action.END_WORK, system=True),
    "api-invitations": _page(Action.SEE_PEOPLE),
    "api-invite": _button(Action.INVITE, system=True),
    "api-invitation-withdraw": _button(Action.INVITE, system=True),
    "api-decision-text": _page(Action.SEE_QUEUE),
    "fhir-metadata": _page(public=True),
    "fhir-export": _form(Action.BULK_EXPORT, system=True),
    "fhir-export-patients": _form(Action.BULK_EXPORT, system=True),
    "fhir-export-group": _form(Action.BULK_EXPORT, system=True),
    "fhir-import": _button(Action.SYNC, system=True),
    "fhir-bulk-status": _form(own=True, system=True, by="DELETE"),
    "fhir-bulk-file": _page(own=True, system=True),
    "fhir-Subscription": _form(Action.OWN_WEBHOOKS, system=True),
    "fhir-Subscription-one": _form(Action.OWN_WEBHOOKS, system=True, by="DELETE", own=True),
    "fhir-bundle": _button(Action.SYNC, system=True),
    **{
        f"fhir-{name}{one}": _page(
            *actions,
            either=len(actions) > 1,
            do=(Action.SYNC,) if name in DEFINITIONS else None,
            by=by,
        )
        for name, actions in FHIR.items()
        for one, by in (("", "POST"), ("-one", "PUT"))
    },
    # Of single events a system reads its own alone.
    "fhir-AuditEvent-one": _page(Action.SEE_AUDIT),
    "api-conditions": _page(Action.SEE_PATIENT),
    "api-condition": _page(Action.SEE_PATIENT),
    "api-letters": _page(Action.SEE_PATIENT),
    "api-letter": _page(Action.SEE_PATIENT),
    "api-screenings": _page(Action.SEE_PATIENT),
    "api-screening": _page(Action.SEE_PATIENT),
    "api-formulary": _page(Action.SEE_FORMULARY),
    "api-drug": _page(Action.SEE_FORMULARY),
    "api-profiles": _page(Action.SEE_FORMULARY, Action.SEE_PEOPLE, either=True),
    "api-upload": _form(Action.SYNC, system=True, by="DELETE", own=True),
    "api-upload-errors": _page(Action.SYNC, system=True, own=True),
    "api-webhooks": _page(Action.OWN_WEBHOOKS, system=True),
    "api-webhook-make": _button(Action.OWN_WEBHOOKS, system=True),
    "api-webhook": _form(Action.OWN_WEBHOOKS, system=True, by="PATCH", own=True),
    "api-webhook-secret": _button(Action.OWN_WEBHOOKS, system=True, own=True),
    "api-webhook-sample": _button(Action.OWN_WEBHOOKS, system=True, own=True),
    "api-webhook-remove": _button(Action.OWN_WEBHOOKS, system=True, own=True),
    "api-webhook-messages": _page(Action.OWN_WEBHOOKS, system=True, own=True),
    "api-webhook-again": _button(Action.OWN_WEBHOOKS, system=True, own=True),
    "webhooks": _page(Action.MANAGE_WEBHOOKS),
    "webhook-make": _form(Action.MANAGE_WEBHOOKS),
    "webhook": _page(Action.MANAGE_WEBHOOKS),
    "webhook-change": _form(Action.MANAGE_WEBHOOKS),
    "webhook-secret": _button(Action.MANAGE_WEBHOOKS),
    "webhook-sample": _button(Action.MANAGE_WEBHOOKS),
    "webhook-switch": _button(Action.MANAGE_WEBHOOKS),
    "webhook-remove": _button(Action.MANAGE_WEBHOOKS),
    "webhook-again": _button(Action.MANAGE_WEBHOOKS),
    "smart-configuration": _page(public=True),
    "smart-token": _button(public=True),
    "hooks": _page(public=True),
    "hook-service": _button(public=True),
    "hook-feedback": _button(public=True),
}
"""`{name of an address: its door}`: all of them but those of signing in."""


def roles_of(user: User) -> dict[int, set[str]]:
    """`{practice id: set of roles}`, read once per user object (that is, per request)."""
    if not user or not user.is_active:
        return {}
    held = getattr(user, "_roles_by_practice", None)
    if held is None:
        held = {}
        in_force = Membership.objects.in_force().filter(user=user)
        for practice_id, role in in_force.values_list("practice_id", "role"):
            held.setdefault(practice_id, set()).add(role)
        user._roles_by_practice = held
    return held


def only_practice(user: User) -> int | None:
    """The id of the practice where somebody works, where it is one: the place of their events."""
    practices = list(roles_of(user))
    return practices[0] if len(practices) == 1 else None


READ_WHEN_OPENED = frozenset({Action.SEE_PATIENT, Action.SEE_QUEUE, Action.SEE_NUMBERS})
"""What somebody may who opened a record in an emergency: look at that record, and nothing else."""


def let_see(user: User, opened: Iterable[int] = (), *, reads: bool = False) -> None:
    """Let the database show the practices where `user` works, for the rest of the request.

    `opened` are the numbers of what was opened in this session with a reason. Records opened in an
    emergency, and still in force, are shown too to a request that only `reads`.
    """
    held = _opened_in_force(user, opened) if opened else {}
    user._opened_with_reason = held
    emergencies = [pk for pk, row in held.items() if row.is_emergency]
    walls.let_see(walls.of(roles_of(user), emergencies if reads else ()))


def opened_by(user: User) -> dict[int, BreakGlass]:
    """`{patient id: how their record was opened}`, of this request, by the ids they have had."""
    return getattr(user, "_opened_with_reason", {})


def _opened_in_force(user: User, opened: Iterable[int]) -> dict[int, BreakGlass]:
    with walls.seeing(walls.EVERYTHING):
        rows = BreakGlass.objects.in_force().filter(by=user, pk__in=list(opened))
        held = {
            row.patient_id: row
            for row in rows.select_related("patient", "practice").order_by("pk")
            if allowed(user, Action.BREAK_GLASS if row.is_emergency else Action.SEE_PATIENT, row)
        }
        found = held
        # Whoever was merged into them has cases of their own.
        while found:
            merged = Patient.objects.filter(merged_into__in=found).values_list("pk", "merged_into")
            found = {pk: found[into] for pk, into in merged}
            held |= found
    return held


def _is_opened(by: User, action: Action, subject: Any) -> bool:
    """Whether the record that a subject belongs to was opened by `by`, and this is to read it."""
    return action in READ_WHEN_OPENED and _patient_id(subject) in opened_by(by)


def _patient_id(subject: Any) -> int | None:
    return subject.pk if isinstance(subject, Patient) else getattr(subject, "patient_id", None)


def with_marks(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Add `is_marked` to patients, or to what belongs to one: whether the record is sensitive."""
    patient = "pk" if issubclass(rows.model, Patient) else "patient_id"
    return rows.annotate(
        is_marked=Exists(SensitiveMark.objects.live().filter(patient=OuterRef(patient)))
    )


def hides(by: User, row: Any) -> bool:
    """Whether a row of `with_marks` is of a marked record for which `by` has given no reason.

    A list shows whose it is and that it is marked, and nothing clinical.
    """
    return row.is_marked and _patient_id(row) not in opened_by(by)


def unhidden(
    rows: QuerySet[Row], by: User, *, but: QuerySet[Patient] | None = None, patient: str = ""
) -> QuerySet[Row]:
    """Without the rows of marked records for which `by` has given no reason, `but` for these.

    `patient` is the path to the patient's id, where the rows have another one than their own.
    """
    path = patient or ("pk" if issubclass(rows.model, Patient) else "patient_id")
    marks = SensitiveMark.objects.live().exclude(patient__in=list(opened_by(by)))
    if but is not None:
        marks = marks.exclude(patient__in=but.order_by().values("pk"))
    return rows.exclude(Exists(marks.filter(patient=OuterRef(path))))


def require_reason(by: User, patient: Patient) -> None:
    """Raise `ReasonNeeded` for a marked record for which `by` has given no reason."""
    if hides(by, with_marks(Patient.objects.all()).get(pk=patient.pk)):
        raise ReasonNeeded(patient.pk)


def seeing_as(user: User) -> AbstractContextManager[None]:
    """Inside, the database shows what `user` may see, whoever runs this."""
    return walls.seeing(walls.of(roles_of(user)))


def forget(user: User) -> None:
    """Read the roles of `user` anew when they are next asked for."""
    user.__dict__.pop("_roles_by_practice", None)


def _practice_id(subject: Any) -> int:
    return subject.pk if isinstance(subject, Practice) else subject.practice_id


def allowed(by: User, action: Action, subject: Any = None) -> bool:
    """Whether `by` may. `subject` is a practice or anything that belongs to one.

    Without a subject the question is whether `by` may at some practice (for menus).
    """
    grant = GRANTS[action]
    held = roles_of(by)
    if subject is None or grant.anywhere:
        return any(roles & grant.roles for roles in held.values())
    return bool(held.get(_practice_id(subject), set()) & grant.roles) or _is_opened(
        by, action, subject
    )


def require(by: User, action: Action, subject: Any = None) -> None:
    if not allowed(by, action, subject):
        raise NotAllowed(f"You may not {action} here.", action=action.name.lower())


def practice_ids(by: User, action: Action) -> list[int]:
    """Ids of the practices where `by` may do `action`."""
    roles = GRANTS[action].roles
    return sorted(practice_id for practice_id, held in roles_of(by).items() if held & roles)


def practices(by: User, action: Action) -> QuerySet[Practice]:
    """The practices where `by` may do `action`, in order of name."""
    return Practice.objects.filter(pk__in=practice_ids(by, action)).order_by("name")


def scope(queryset: QuerySet[Row], by: User, action: Action) -> QuerySet[Row]:
    """Only the rows of practices where `by` may do `action`."""
    return queryset.filter(practice_id__in=practice_ids(by, action))


NO_SUCH_RECORD = "There is no such record, or you may not see it."


def fetch(queryset: QuerySet[Row], by: User, action: Action, **lookup: Any) -> Row:
    """The one row that `lookup` names, if `by` may see it; `NotFound` says the same either way.

    Raises `ReasonNeeded` where the record is marked and `by` has not said why they open it.
    """
    reads = action in READ_WHEN_OPENED
    queryset = with_marks(queryset) if reads else queryset
    found = scope(queryset, by, action).filter(**lookup).first()
    if found is None and reads and (opened := opened_by(by)):
        patient = "pk" if issubclass(queryset.model, Patient) else "patient"
        found = queryset.filter(**lookup, **{f"{patient}__in": list(opened)}).first()
    if found is None:
        raise NotFound(NO_SUCH_RECORD)
    if reads and hides(by, found):
        raise ReasonNeeded(_patient_id(found) or 0)
    return found
