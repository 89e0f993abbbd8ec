"""The audit trail: which events there are (EVENTS), and the one way to write them.

An event is written inside the transaction of the verb it tells of. The trail is for auditors: what
a page needs of the past, such as who moved a case, has rows of its own.

Each event bears a mark that only the portal can make, so that one put into the table by hand is
known before it is sealed (`reviews.sealing`) as well as after.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model

from reviews.bulk import as_json, copy_rows, next_ids
from reviews.models import SHOWN, named

_ORDER = {"order": "id shared by all versions of the order", "version": "number of the version"}
_READING = {"kind": "what was measured or asked", "dated_on": "its day", "status": "its status"}
_EXEMPTION = {
    "kind": "which exemption",
    "expires_on": "its last day",
    "orders": "the orders it is limited to; absent for all",
}
_FLAG = {"rule": "id of the rule", "severity": "1 to 4", "title": "as shown"}
_CASE = {"case": "number of the case"}
_PERSON = {"person": "id of whom it is about", "name": "their name"}
_INVITED = {"name": "of whom", "roles": "which roles"}
_HANDED = {"from": "id of who had it", "to": "id of who has it now", "reason": "why"}
_TAKEN = {"taken_from": "id of the reviewer who had it"}
_LOCAL_STATUS = {
    "medicine": "key of the ingredient",
    "scope": "code of the practice, or group:CODE",
}
_CONTENT = {"content": "digest of what was written down, as it is sealed"}
_DECIDED = {"decision": "number of the decision", "outcomes": "outcome by rule", **_CONTENT}
_ANSWERED = {"decision": "number of the decision answered", "reason": "why", **_CONTENT}
_TAPER = {
    "drug": "key of the medicine",
    "version": "number of the version of the taper",
    "status": "how far it is",
    "over": "rules that the plan does not meet",
}
_SYNCED = {
    "source_system": "which system",
    "first": "source id of the first record taken",
    "last": "source id of the last record taken",
    "refused": "how many records were refused",
    "created": "how many were new",
    "amended": "how many were another version",
    "unchanged": "how many said nothing new",
    "waiting": "how many wait until somebody says whose they are; absent for none",
}
_MERGE = {"kept": "id of whose record stays", "gone": "id of whose record goes into it"}
_BOOK = {"number": "number of the rule book"}
_SHADOW = {**_BOOK, "practice": "code of the practice"}
_GUARD = {
    **_BOOK,
    "practices": "codes of the practices",
    "patients": "how many it asked to screen again",
}
_RULE_DRAFT = {"draft": "number of the draft", "title": "its title"}
_RULE_CHANGE = {
    "draft": "number of the draft",
    "change": "number of the edit",
    "rule": "id of the rule",
    "scope": "the profile, or whose local policy it is: code of a practice, or group:CODE",
    "field": "which fact",
    "before": "what the book says; null for as the rule says",
    "after": "what the draft says; null for as the rule says",
    "source": "who says so",
    "locator": "the place in it",
}
_EDIT_ANSWER = {
    **_BOOK,
    "change": "number of the edit",
    "rule": "id of the rule",
    "words": "why; empty where none were needed",
}
_RULE_EXAMPLE = {
    "example": "number of the example",
    "rule": "id of the rule",
    "scope": "the profile, or the code of the practice whose local policy counts",
    "title": "what it shows",
    "expected": "flag, or quiet",
    "source": "who says so",
    "locator": "the place in it",
}
_ROW = {"row": "the row of the formulary, in words"}
_LETTER_TEXT = {"letter": "which letter", "number": "number of the text"}
_RECALL = {"recall": "number of the list", "name": "what it is called"}
_JOB = {"kind": "of the job", "title": "as shown"}
_JOB_ENDED = {**_JOB, "done": "how far it came"}
_NO_SEDATIVE = {"text": "the medicine as it is compared", "patients": "how many it concerns"}
_MEANING = {**_NO_SEDATIVE, "medicine": "which one it is said to be"}
_FROM = {"address": "network address it came from"}
_FACTOR = {**_FROM, "kind": "which factor"}
_MAIL = {**_FROM, "before": "the address before", "after": "the address after"}
_OPENING = {"opening": "number of the opening with a reason"}
_KEY = {"name": "what the key is called", "source_system": "which system", "prefix": "of the key"}
_RECEIVER = {"name": "what the receiver is called"}
_CLIENT = {"client": "by which name it calls"}
_KEY_MADE = {**_KEY, "kind": "what it is for"}


class Event(Enum):
    """Every event: its name in the trail, the words an auditor reads, what its detail may hold."""

    PRACTICE_SET_UP = (
        "practice.set_up",
        "Set up the practice",
        {
            "name": "what it is called",
            "profile": "whose limits apply",
            "time_zone": "where it is",
            "second_factor": "who must have one",
        },
    )
    PRACTICE_CHANGED = (
        "practice.changed",
        "Changed what is known of the practice",
        {
            "before": "what differs, as it was",
            "after": "what differs, as it is",
            "patients": "where the profile is another, how many it asked to screen again",
        },
    )
    PRACTICE_GROUP_MADE = (
        "practice_group.made",
        "Made a group of practices",
        {"code": "how files call it", "name": "its name", "profile": "of which profile"},
    )
    PRACTICE_GROUPED = (
        "practice.grouped",
        "Moved the practice into another group, or out of one",
        {
            "from": "code of the group before; absent for none",
            "to": "code of the group now; absent for none",
            "reason": "why",
            "patients": "how many were asked to be screened again",
        },
    )
    PERSON_INVITED = (
        "person.invited",
        "Invited somebody to work here",
        {**_INVITED, "mailed": "whether the code went by mail", "ends_at": "until when it holds"},
    )
    INVITATION_RENEWED = (
        "invitation.renewed",
        "Made a new code for an invitation; the one before ended",
        {**_INVITED, "mailed": "whether the code went by mail", "ends_at": "until when it holds"},
    )
    INVITATION_WITHDRAWN = (
        "invitation.withdrawn",
        "Took an invitation back",
        {**_INVITED, "reason": "why; absent where somebody took this one back"},
    )
    INVITATION_ACCEPTED = (
        "invitation.accepted",
        "Accepted an invitation to work here",
        {**_INVITED, "new": "whether an account was made for it"},
    )
    ROLES_CHANGED = (
        "person.roles_changed",
        "Changed the roles of somebody",
        {
            **_PERSON,
            "given": "roles given",
            "taken": "roles taken",
            "reason": "why",
            "invitations": "how many invitations of theirs ended with it; absent for none",
        },
    )
    REGISTER_SAID = (
        "person.register_said",
        "Recorded what a register says of somebody",
        {
            **_PERSON,
            "register": "which register",
            "number": "the professional number",
            "status": "what it said",
            "checked_on": "on which day; null where it was not asked",
        },
    )
    LEAVING_PLANNED = (
        "person.leaving_planned",
        "Said when somebody leaves",
        {**_PERSON, "at": "when", "cases_to": "id of who gets their cases"},
    )
    LEAVING_WITHDRAWN = (
        "person.leaving_withdrawn",
        "Took back that somebody leaves",
        {**_PERSON, "at": "when it would have been"},
    )
    PERSON_LEFT = (
        "person.left",
        "Ended somebody’s work here",
        {
            **_PERSON,
            "roles": "the roles that ended",
            "sessions": "how many sessions were ended",
            "handed_over": "how many cases went to whom they were meant for",
            "released": "how many cases went back to the queue",
            "blocked": "whether they can sign in no longer",
            "keys": "what keys that they made and that go on begin with",
            "invitations": "how many invitations that they made ended",
        },
    )
    FACTOR_RESET_ASKED = (
        "factor_reset.asked",
        "Asked that a second factor be reset; a second person must agree",
        {**_PERSON, "reason": "as written"},
    )
    FACTOR_RESET_AGREED = (
        "factor_reset.agreed",
        "Agreed, and reset a second factor",
        {
            **_PERSON,
            "asked_by": "id of who had asked",
            "removed": "kinds of factors removed",
            "sessions": "how many sessions were ended",
        },
    )
    FACTOR_RESET_REFUSED = (
        "factor_reset.refused",
        "Did not agree that a second factor be reset",
        {**_PERSON, "asked_by": "id of who had asked"},
    )
    PATIENT_REGISTERED = "patient.registered", "Registered the patient", {}
    PATIENT_UPDATED = (
        "patient.updated",
        "Changed what is known of the person",
        {"before": "as it was", "after": "as it is", "identifiers": "numbers that were added"},
    )
    DEATH_SAID = (
        "patient.death_said",
        "Said whether the person has died",
        {"deceased": "whether", "deceased_on": "the day, where known", "reason": "why"},
    )
    IDENTITY_ASKED = (
        "identity.asked",
        "Put a record aside: it is not certain whose it is",
        {"cause": "why", "differs": "the particulars that contradict those on file"},
    )
    IDENTITY_PROPOSED = (
        "identity.proposed",
        "Said that a record is of the same person; a second person must agree",
        {"how": "how they know", "note": "as written"},
    )
    IDENTITY_SETTLED = (
        "identity.settled",
        "Said whose a record is",
        {
            "answer": "what was answered",
            "how": "how they know",
            "note": "as written",
            "patient": "id of whose it is",
            "records": "how many records were taken in",
        },
    )
    PATIENT_KEPT_APART = (
        "patient.kept_apart",
        "Said that two records are of two people",
        {"other": "id of the other", "reason": "why"},
    )
    PATIENT_NOT_APART = (
        "patient.not_apart",
        "Took back that two records are of two people",
        {"other": "id of the other", "reason": "why"},
    )
    PATIENT_MERGED = (
        "patient.merged",
        "Merged two records of one person",
        {**_MERGE, "reason": "why", "moved": "how many of each kind"},
    )
    PATIENT_UNMERGED = (
        "patient.unmerged",
        "Took a merge back",
        {**_MERGE, "reason": "why"},
    )
    PATIENT_SEEDED = (
        "patient.seeded",
        "Made up this patient for demonstration",
        {"prescriptions": "how many orders", "conditions": "how many conditions"},
    )
    PATIENT_EXEMPTED = "patient.exempted", "Exempted the patient from rules", _EXEMPTION
    EXEMPTION_ENDED = "exemption.ended", "Ended an exemption", _EXEMPTION
    PRESCRIPTION_LOGGED = "prescription.logged", "Logged a prescription", _ORDER
    PRESCRIPTION_AMENDED = "prescription.amended", "Amended a prescription", _ORDER
    PRESCRIPTION_WITHDRAWN = (
        "prescription.withdrawn",
        "Withdrew a prescription",
        {**_ORDER, "status": "stopped, cancelled or entered in error"},
    )
    CONDITION_RECORDED = "condition.recorded", "Recorded a condition", {}
    READING_RECORDED = "reading.recorded", "Recorded a reading", _READING
    READING_CORRECTED = (
        "reading.corrected",
        "Corrected a reading",
        {**_READING, "supersedes": "number of the version before"},
    )
    REVIEW_RECORDED = (
        "review.recorded",
        "Recorded a structured medication review",
        {
            "outcome": "how it went",
            "reviewed_on": "its day",
            "asked": "the parts that were answered",
            "readings": "how many readings it is made of",
        },
    )
    REVIEW_TAKEN_BACK = (
        "review.taken_back",
        "Took back a structured medication review",
        {"readings": "how many of its readings were taken back"},
    )
    DATA_CHECKED = (
        "data.checked",
        "Answered what was called wrong in the record",
        {"result": "put right, or was right", "rule": "id of the rule that had found it"},
    )
    NOTE_ANSWERED = (
        "note.answered",
        "Answered what a source could not make understood",
        {"about": "the source’s id of the record", "reason": "what it was", "answer": "in words"},
    )
    FINDING_UNHELPFUL = (
        "finding.unhelpful",
        "Said that a finding does not help",
        {"rule": "id of the rule", "because": "why", "where": "where it stood"},
    )
    UNHELPFUL_ANSWERED = (
        "finding.unhelpful_answered",
        "Answered whoever said that a finding does not help",
        {"rule": "id of the rule", "answer": "as written"},
    )
    PATIENT_NOTED = "patient.noted", "Wrote a note on a patient", {"note": "number of the note"}
    PATIENT_NOTE_STRUCK = (
        "patient.note_struck",
        "Struck a note on a patient",
        {"note": "number of the note", "reason": "why"},
    )
    FLAG_RAISED = "flag.raised", "Raised a flag", _FLAG
    FLAG_CLEARED = "flag.cleared", "Cleared a flag: no longer found", _FLAG
    CASE_OPENED = "case.opened", "Opened a case", _CASE
    CASE_RANKED = "case.ranked", "Ranked the case anew", _CASE
    CASE_WOKEN = "case.woken", "Put the case back into the queue", _CASE
    CASE_CLEARED = "case.cleared", "Closed the case: nothing left to decide", _CASE
    CASE_CLAIM = "case.claim", "Claimed the case", _TAKEN
    CASE_TAKE_OVER = "case.take_over", "Took the case over", _TAKEN
    CASE_RELEASE = "case.release", "Released the case", _HANDED
    CASE_HAND_OVER = "case.hand_over", "Handed the case over", _HANDED
    CASE_SNOOZE = (
        "case.snooze",
        "Snoozed the case",
        {"until": "the day it comes back", "reason": "why"},
    )
    CASE_ESCALATE = (
        "case.escalate",
        "Escalated the case",
        {
            "to": "the role it waits for",
            "person": "id of who is asked; absent for whoever holds the role",
            "reason": "why",
        },
    )
    CASE_ANSWER = (
        "case.answer",
        "Answered an escalated case: it is back in the queue",
        {"message": "number of the answer"},
    )
    MESSAGE_SENT = (
        "message.sent",
        "Wrote to somebody about the case",
        {**_CASE, "to": "id of who is asked", "to_role": "the role asked", "text": "as written"},
    )
    MESSAGE_ANSWERED = (
        "message.answered",
        "Answered what was asked about the case",
        {
            **_CASE,
            "message": "number of the message answered",
            "answer": "what was answered",
            "did": "what was done",
            "text": "as written",
        },
    )
    MESSAGE_CLOSED = (
        "message.closed",
        "Said that nothing more is asked",
        {**_CASE, "message": "number of the message"},
    )
    MESSAGE_KEPT = "message.kept", "Did what was promised", {**_CASE, "promised_on": "for when"}
    MESSAGES_MAILED = (
        "message.mailed",
        "Sent a mail that messages wait, without saying of whom",
        {"messages": "how many", "overdue": "how many of them are overdue"},
    )
    CASE_DECIDE = "case.decide", "Decided on the case", _DECIDED
    CASE_PROPOSE = "case.propose", "Proposed a decision, for a second person", _DECIDED
    CASE_CONFIRM = "case.confirm", "Confirmed a colleague’s decision", _DECIDED
    CASE_SEND_BACK = "case.send_back", "Sent a proposal back", _ANSWERED
    CASE_UNDO = "case.undo", "Took a decision back", _ANSWERED
    SESSION_BEGUN = (
        "work_session.begun",
        "Began to work through a list of cases",
        {"cases": "how many", "query": "which list, without a name that was searched for"},
    )
    SESSION_ENDED = "work_session.ended", "Left a list of cases", {}
    TAPER_PLAN = "taper.plan", "Planned a taper", _TAPER
    TAPER_REVISE = "taper.revise", "Planned a taper anew", _TAPER
    TAPER_START = "taper.start", "Started a taper", _TAPER
    TAPER_CONTACT = "taper.contact", "Asked how a taper goes", _TAPER
    TAPER_HOLD = "taper.hold", "Held a taper", _TAPER
    TAPER_STEP_BACK = "taper.step_back", "Stepped a taper back", _TAPER
    TAPER_PAUSE = "taper.pause", "Paused a taper", _TAPER
    TAPER_RESUME = "taper.resume", "Resumed a taper", _TAPER
    TAPER_COMPLETE = "taper.complete", "Completed a taper", _TAPER
    TAPER_GIVE_UP = "taper.give_up", "Gave a taper up", _TAPER
    TAPER_CANCEL = "taper.cancel", "Cancelled a taper", _TAPER
    PATIENTS_SYNCED = "patients.synced", "Synced patients", _SYNCED
    PRESCRIPTIONS_SYNCED = "prescriptions.synced", "Synced prescriptions", _SYNCED
    CONDITIONS_SYNCED = "conditions.synced", "Synced conditions", _SYNCED
    READINGS_SYNCED = "readings.synced", "Synced readings", _SYNCED
    SCREENING_DONE = (
        "screening.done",
        "Screened a batch of patients",
        {"patients": "how many", "version": "number of the rule version"},
    )
    SCREENING_SWEPT = (
        "screening.swept",
        "Asked for whoever time alone can change",
        {"patients": "how many", "as_of": "the day"},
    )
    CLOCK_BEHIND = (
        "clock.behind",
        "Found the database's clock set back",
        {"seconds": "by how much", "furthest": "what it had shown before"},
    )
    CLOCK_ACCEPTED = (
        "clock.accepted",
        "Took the database's clock as right after it was set back",
        {"seconds": "by how much"},
    )
    RULES_DRAFTED = "rules.drafted", "Drafted a rule book", _BOOK
    RULES_PUBLISHED = (
        "rules.published",
        "Published a rule book",
        {
            **_BOOK,
            "patients": "how many it asked to screen again",
            "agreement": "why the second person agrees",
            "edits": "numbers of the edits of its draft; absent without",
            "broken": "worked examples that it breaks, each with the reason; absent without",
            **_CONTENT,
        },
    )
    RULES_DISCARDED = "rules.discarded", "Discarded a draft of a rule book", _BOOK
    RULES_ROLLED_BACK = (
        "rules.rolled_back",
        "Drafted the content of an earlier rule book again",
        {**_BOOK, "to": "number of the earlier book", "reason": "why"},
    )
    RULE_DRAFT_BEGUN = "rule_draft.begun", "Began a draft of rules", _RULE_DRAFT
    RULE_DRAFT_REBASED = (
        "rule_draft.rebased",
        "Brought a draft of rules up to date",
        {**_RULE_DRAFT, "from": "number of the book before", "to": "number of the book now"},
    )
    RULE_DRAFT_PUT_AWAY = (
        "rule_draft.put_away",
        "Put a draft of rules away",
        {**_RULE_DRAFT, "reason": "why"},
    )
    SHADOW_BEGUN = (
        "shadow.begun",
        "Began to run a draft of a rule book in shadow",
        {**_SHADOW, "until": "its last day"},
    )
    SHADOW_ENDED = "shadow.ended", "Ended a shadow of a draft of a rule book", _SHADOW
    GUARD_BEGUN = (
        "guard.begun",
        "Let a draft of a rule book judge at some practices, guarded",
        {
            **_GUARD,
            "most_cases": "the budget: open cases per 100 people on a benzodiazepine or Z-drug",
            "most_urgent": "the budget: urgent cases per 100 of them",
            "source": "who says that this is the budget",
            "agreement": "why the second person agrees",
            "digest": "of the book",
        },
    )
    GUARD_WIDENED = (
        "guard.widened",
        "Let a guarded rule book judge at further practices",
        {**_GUARD, "reason": "why"},
    )
    GUARD_HALTED = (
        "guard.halted",
        "A guarded rule book stopped itself at the practice",
        {
            **_BOOK,
            "practice": "code of the practice",
            "back_to": "number of the book that judges there again",
            "cases": "open cases",
            "urgent": "urgent cases among them",
            "in_use": "people on a benzodiazepine or Z-drug",
            "patients": "how many it asked to screen again",
            "why": "why it stopped",
        },
    )
    GUARD_TOLD = (
        "guard.told",
        "Told by mail that a guarded rule book stopped itself, without saying where",
        _BOOK,
    )
    GUARD_TO_SHADOW = (
        "guard.to_shadow",
        "Took a guarded rule book back into shadow at the practice",
        {
            **_SHADOW,
            "until": "the last day of the shadow",
            "patients": "how many it asked to screen again, by the live book",
            "reason": "why",
        },
    )
    GUARD_ROLLED_BACK = (
        "guard.rolled_back",
        "Rolled a guarded rule book back",
        {**_GUARD, "reason": "why"},
    )
    RULE_CHANGED = "rule.changed", "Edited a fact of a rule in a draft", _RULE_CHANGE
    RULE_CHANGE_WITHDRAWN = (
        "rule.change_withdrawn",
        "Took an edit out of a draft of rules",
        _RULE_CHANGE,
    )
    RULE_EDIT_AGREED = (
        "rule_edit.agreed",
        "Agreed to an edit of a draft of a rule book",
        _EDIT_ANSWER,
    )
    RULE_EDIT_SENT_BACK = (
        "rule_edit.sent_back",
        "Sent an edit of a draft of a rule book back, which is open again",
        _EDIT_ANSWER,
    )
    RULE_EXAMPLE_ADDED = (
        "rule_example.added",
        "Added a worked example to a rule",
        _RULE_EXAMPLE,
    )
    RULE_EXAMPLE_WITHDRAWN = (
        "rule_example.withdrawn",
        "Withdrew a worked example of a rule",
        {**_RULE_EXAMPLE, "reason": "why"},
    )
    RULE_EXAMPLES_EXPLAINED = (
        "rule_examples.explained",
        "Stated why a draft of a rule book breaks worked examples",
        {**_BOOK, "examples": "which", "reason": "why"},
    )
    ENGINE_CHANGED = (
        "engine.changed",
        "Engine changed: other code judges from now on",
        {
            "before": "name of the engine before; null for the first",
            "after": "name of the engine now",
            "digest": "of the sources of the engine now",
            "patients": "how many it asked to screen again",
        },
    )
    JOB_ASKED = "job.asked", "Asked for a long job", _JOB
    JOB_CANCEL = "job.cancel", "Asked to cancel a job", _JOB
    JOB_DONE = "job.done", "A job was done", _JOB_ENDED
    JOB_FAILED = "job.failed", "A job failed", {**_JOB_ENDED, "error": "why"}
    JOB_CANCELLED = "job.cancelled", "A job was cancelled", _JOB_ENDED
    FORMULARY_REVISED = (
        "formulary.revised",
        "Revised a row of the formulary",
        {**_ROW, "before": "what differs, as it was", "after": "what differs, as it is"},
    )
    FORMULARY_ADDED = (
        "formulary.added",
        "Added a row to the formulary",
        {**_ROW, "after": "its content"},
    )
    FORMULARY_RETIRED = (
        "formulary.retired",
        "Took a row of the formulary out of force",
        {**_ROW, "before": "its content", "reason": "why"},
    )
    FORMULARY_FILE_TAKEN = (
        "formulary.file_taken",
        "Took a file into the formulary; an event of each row tells what it did",
        {
            "digest": "SHA-256 of the file",
            "changed": "how many rows it changed",
            "added": "how many it added",
            "retired": "how many it took out of force",
        },
    )
    FORMULARY_SIGNED_OFF = (
        "formulary.signed_off",
        "Read a row of the formulary in its source",
        {**_ROW, "source": "which source", "locator": "the place in it"},
    )
    LOCAL_STATUS_SAID = (
        "local_status.said",
        "Said whether a practice or a group of practices can get a medicine",
        {
            **_LOCAL_STATUS,
            "before": "what was said; absent for nothing",
            "after": "what is said",
            "source": "who says so",
        },
    )
    LOCAL_STATUS_TAKEN_BACK = (
        "local_status.taken_back",
        "Says no longer whether a practice or a group can get a medicine",
        {**_LOCAL_STATUS, "before": "what was said", "reason": "why"},
    )
    UPKEEP_GIVEN = (
        "upkeep.given",
        "Gave a line of upkeep to somebody",
        {
            "title": "what it is",
            "to": "id of who has it now",
            "from": "id of who had it; absent for nobody",
            "due_on": "until when",
        },
    )
    RELEASE_IN_FORCE = (
        "release.in_force",
        "Put a release of a national list in force",
        {
            "source": "which release, with the digest of its files",
            "products": "how many products it holds",
            "before": "which release it takes over from; absent for none",
        },
    )
    RELEASE_OUT_OF_FORCE = (
        "release.out_of_force",
        "Took a release of a national list out of force",
        {"source": "which release", "reason": "why"},
    )
    NO_SEDATIVE_SAID = "no_sedative.said", "Said that a medicine is no sedative", _NO_SEDATIVE
    NO_SEDATIVE_TAKEN_BACK = (
        "no_sedative.taken_back",
        "Took back that a medicine is no sedative",
        _NO_SEDATIVE,
    )
    MEANING_SAID = "medicine_meaning.said", "Said which medicine a text is", _MEANING
    MEANING_TAKEN_BACK = (
        "medicine_meaning.taken_back",
        "Took back which medicine a text is",
        _MEANING,
    )
    CLIENT_KEY_MADE = "client.key_made", "Made a key for a system", _KEY_MADE
    CLIENT_REGISTERED = (
        "client.registered",
        "Registered a system that signs what it asks",
        {
            **_CLIENT,
            "source_system": "which system",
            "scopes": "what its tokens may allow",
            "hook_issuer": "who it is in CDS Hooks",
            "jwks_url": "where its keys are",
            "fhir_server": "the server that hooks ask for it",
            "keys": "names of the keys that were entered",
        },
    )
    CLIENT_WITHDRAWN = "client.withdrawn", "Withdrew a system and its tokens", _CLIENT
    CLIENT_SIGNING_KEY_ADDED = (
        "client.signing_key_added",
        "Added a public key of a system",
        {**_CLIENT, "kid": "name of the key"},
    )
    CLIENT_SIGNING_KEY_WITHDRAWN = (
        "client.signing_key_withdrawn",
        "Withdrew a public key of a system",
        {**_CLIENT, "kid": "name of the key"},
    )
    CLIENT_TOKEN_ISSUED = (
        "client.token_issued",
        "Gave a system a token",
        {**_CLIENT, "scopes": "what it allows", "ends_at": "until when"},
    )
    HOOK_CALLED = (
        "hook.called",
        "Was shown by a hook what screening says",
        {
            **_CLIENT,
            "hook": "which hook",
            "hook_instance": "the number that the caller gave it",
            "user": "who it was there, as the caller names them",
            "cards": "how many cards went out",
            "rules": "whose findings they hold",
            "shown": "ids of the patients",
        },
    )
    HOOK_ANSWERED = (
        "hook.answered",
        "Told what became of a card",
        {
            **_CLIENT,
            "card": "number of the card",
            "outcome": "accepted or overridden",
            "reason": "code of the reason",
            "rules": "whose findings it held",
        },
    )
    CLIENT_KEY_REVOKED = "client.key_revoked", "Revoked the key of a system", _KEY
    CLIENT_IMPORTER_MADE = "client.importer_made", "Made the user of an import", _KEY
    WEBHOOK_MADE = (
        "webhook.made",
        "Made a receiver of events",
        {**_RECEIVER, "url": "where it is", "events": "what it is told of"},
    )
    WEBHOOK_CHANGED = (
        "webhook.changed",
        "Changed a receiver of events",
        {**_RECEIVER, "before": "what differs, as it was", "after": "what differs, as it is"},
    )
    WEBHOOK_SECRET = "webhook.secret", "Gave a receiver of events a new secret", _RECEIVER
    WEBHOOK_ENABLED = "webhook.enabled", "Turned a receiver of events on", _RECEIVER
    WEBHOOK_DISABLED = (
        "webhook.disabled",
        "A receiver of events was turned off",
        {**_RECEIVER, "reason": "why"},
    )
    WEBHOOK_REMOVED = "webhook.removed", "Removed a receiver of events", _RECEIVER
    WEBHOOK_SAMPLE = "webhook.sample_sent", "Sent a sample to a receiver of events", _RECEIVER
    WEBHOOK_AGAIN = (
        "webhook.sent_again",
        "Had an event sent to its receiver again",
        {**_RECEIVER, "message": "number of the message"},
    )
    RECORD_OPENED = (
        "record.opened",
        "Opened the record",
        {
            "page": "which page of it",
            "case": "number of the case, where it was one",
            **_OPENING,
        },
    )
    RECORD_PRINTED = (
        "record.printed",
        "Printed the record",
        {"page": "which page of it", **_OPENING},
    )
    EMERGENCY_LOOKED_UP = (
        "emergency.looked_up",
        "Looked for a person of any practice, in an emergency",
        {"typed": "what was looked for"},
    )
    EMERGENCY_OPENED = (
        "emergency.opened",
        "Opened a record in an emergency",
        {**_OPENING, "reason": "as written", "until": "when it ends by itself"},
    )
    EMERGENCY_REFUSED = (
        "emergency.refused",
        "Was refused another record in an emergency, after many in a short time",
        {"reason": "as written"},
    )
    SENSITIVE_OPENED = (
        "emergency.sensitive_opened",
        "Opened a record that is marked as sensitive",
        {**_OPENING, "reason": "as written", "until": "when it ends by itself"},
    )
    SENSITIVE_MARKED = (
        "patient.marked_sensitive",
        "Marked the record as sensitive",
        {"kind": "of whom it is", "reason": "as written"},
    )
    SENSITIVE_REMOVED = (
        "patient.mark_removed",
        "Took back that the record is sensitive",
        {"kind": "of whom it was said to be", "reason": "as written"},
    )
    EMERGENCY_ENDED = (
        "emergency.ended",
        "Closed a record that was opened with a reason",
        {**_OPENING, "why": "why"},
    )
    EMERGENCY_LOOKED_AT = (
        "emergency.looked_at",
        "Looked at why a record was opened with a reason",
        {**_OPENING, "note": "as written"},
    )
    SEARCH_MADE = (
        "search.made",
        "Searched for people",
        {"typed": "what was looked for", SHOWN: "ids of the patients that were shown"},
    )
    API_READ = (
        "api.read",
        "Read records over the API",
        {
            "resource": "of which kind",
            "rows": "how many",
            "query": "what was asked for",
            SHOWN: "ids of the patients whose records were read",
        },
    )
    EXPORT_MADE = (
        "export.made",
        "Exported",
        {
            "what": "in words",
            "rows": "how many, or by file",
            "form": "CSV, NDJSON or a page to print",
            "asked": "what the search was for",
            "reason": "what for",
            "digest": "SHA-256 of what was handed out",
        },
    )
    TRAIL_SEARCHED = (
        "trail.searched",
        "Searched the audit trail",
        {"asked": "what the search was for"},
    )
    LETTER_WRITTEN = (
        "letter.written",
        "Wrote a letter",
        {
            "letter": "what stands on it",
            "text": "which text, and its version",
            "digest": "SHA-256 of its pages",
        },
    )
    LETTER_PRINTED = (
        "letter.printed",
        "Printed letters",
        {"letters": "what stands on them", SHOWN: "ids of the patients whose letters they are"},
    )
    LETTER_TEXT_DRAFTED = "letter_text.drafted", "Drafted the text of a letter", _LETTER_TEXT
    LETTER_TEXT_PUBLISHED = (
        "letter_text.published",
        "Published the text of a letter",
        {**_LETTER_TEXT, "digest": "SHA-256 of the text"},
    )
    LETTER_TEXT_DISCARDED = (
        "letter_text.discarded",
        "Discarded a draft of a letter",
        _LETTER_TEXT,
    )
    LETTER_TEXT_RETIRED = (
        "letter_text.retired",
        "Took a letter out of use",
        _LETTER_TEXT,
    )
    RECALL_MADE = (
        "recall.made",
        "Made a recall list",
        {
            **_RECALL,
            "asked": "what for",
            "query": "the view it was made from",
            "found": "how many people",
            "excluded": "how many of them the list leaves out",
        },
    )
    RECALL_CLOSED = "recall.closed", "Closed a recall list", _RECALL
    RECALL_LOOKED = "recall.looked", "Looked at their people of a recall list", _RECALL
    RECALL_OPTED_OUT = (
        "recall.opted_out",
        "Left the person out of recall letters",
        {**_RECALL, "reason": "why", "until": "the last day it holds", "note": "as written"},
    )
    RECALL_OPT_OUT_ENDED = (
        "recall.opt_out_ended",
        "Ended that the person is left out of recall letters",
        {"reason": "why they had been", "until": "the day it would have held to"},
    )
    RECALL_LETTERS_ASKED = (
        "recall.letters_asked",
        "Asked for letters to those on a recall list",
        {**_RECALL, "round": "1 invites, later ones remind", "text": "which text, and its version"},
    )
    RECALL_ANSWERED = (
        "recall.answered",
        "Recorded what came back from a person written to",
        {**_RECALL, "answer": "which", "ask_again_on": "when they may be asked again"},
    )
    SEAL_RESTORED = (
        "seal.restored",
        "Went on with the log after a restore",
        {"reason": "why", "lost": "number of the last tree head that was lost"},
    )
    SIGNED_IN = "sign_in.done", "Signed in", {**_FROM, "how": "by which proofs"}
    SIGN_IN_REFUSED = "sign_in.refused", "Refused a sign-in", {**_FROM, "why": "why"}
    SIGN_IN_CONFIRMED = (
        "sign_in.confirmed",
        "Confirmed who they are, while signed in",
        {**_FROM, "how": "by which proof"},
    )
    SIGNED_OUT = "sign_in.ended", "Signed out", {**_FROM, "why": "why"}
    SESSIONS_ENDED = (
        "sign_in.sessions_ended",
        "Ended sessions of their own",
        {**_FROM, "sessions": "how many"},
    )
    PASSWORD_CHANGED = (
        "account.password_changed",
        "Changed the password",
        {**_FROM, "how": "with the old one, or by a link"},
    )
    PASSWORD_LINK_SENT = (
        "account.password_link_sent",
        "Sent a link to set a new password",
        _FROM,
    )
    MAIL_ASKED = "account.mail_asked", "Asked for another e-mail address", _MAIL
    MAIL_CHANGED = "account.mail_changed", "Changed the e-mail address", _MAIL
    FACTOR_ADDED = "account.factor_added", "Set up a second factor", _FACTOR
    FACTOR_REMOVED = "account.factor_removed", "Removed a second factor", _FACTOR
    CODES_MADE = "account.codes_made", "Made new recovery codes", _FROM
    ORGANISATION_LINKED = (
        "account.organisation_linked",
        "Linked the account to a sign-in of the organisation",
        {**_FROM, "organisation": "which one"},
    )
    DIGEST_SENT = "digest.sent", "Sent a digest by mail", {"lines": "how many lines it had"}

    def __init__(self, verb: str, words: str, detail: dict[str, str]) -> None:
        self.verb = verb
        self.words = words
        self.detail = detail


EVENTS = {event.verb: event for event in Event}
"""Name in the trail: the event."""


class Entry(NamedTuple):
    """An entry of the trail that is not written yet; the fields are columns."""

    actor_id: int | None
    actor: str
    verb: str
    practice_id: int | None
    patient_id: int | None
    subject: str
    detail: dict[str, Any]


COLUMNS = ("id", *Entry._fields, "mark")
"""The columns of a row that `rows` gives."""
INSERT = f"""
    INSERT INTO reviews_auditevent ({", ".join(COLUMNS)})
    VALUES ({", ".join(["%s"] * len(COLUMNS))})
"""


def entry(
    by: User | None,
    event: Event,
    *,
    practice_id: int | None = None,
    patient_id: int | None = None,
    subject: Model | None = None,
    **detail: object,
) -> Entry:
    """An unwritten entry, for verbs that write many at once. `by` None means the portal itself.

    Raises `TypeError` for a detail that the event does not name.
    """
    if unnamed := detail.keys() - event.detail.keys():
        raise TypeError(f"{event.verb} holds no {', '.join(sorted(unnamed))}")
    return Entry(
        actor_id=by.pk if by else None,
        actor=named(by),
        verb=event.verb,
        practice_id=practice_id,
        patient_id=patient_id,
        subject=f"{subject._meta.model_name} {subject.pk}" if subject is not None else "",
        detail=detail,
    )


def record(
    by: User | None,
    event: Event,
    *,
    practice_id: int | None = None,
    patient_id: int | None = None,
    subject: Model | None = None,
    **detail: object,
) -> int:
    """Write one entry now, in the caller's transaction, and return its number; else as `entry`."""
    made = entry(
        by, event, practice_id=practice_id, patient_id=patient_id, subject=subject, **detail
    )
    [row] = rows([made])
    with connection.cursor() as cursor:
        cursor.execute(INSERT, row)
    return row[0]


def record_all(entries: Iterable[Entry]) -> None:
    """Write many entries now, in the caller's transaction."""
    copy_rows("reviews_auditevent", COLUMNS, rows(list(entries)))


def rows(entries: list[Entry]) -> list[tuple[Any, ...]]:
    """Entries as rows to be copied: the fields of COLUMNS."""
    ids = next_ids("reviews_auditevent", len(entries))
    return [
        (pk, *made._replace(detail=as_json(made.detail)), mark_of(pk, made))
        for pk, made in zip(ids, entries, strict=True)
    ]


# -- The mark of the portal --------------------------------------------------------------------


def mark_of(pk: int, made: Entry, secret: str | None = None) -> bytes:
    """What shows that the portal wrote this event: 16 bytes that hang on all but its time.

    The number is part of it, so that a copy of an event under another number does not bear it.
    """
    key = _key(settings.SECRET_KEY if secret is None else secret)
    return hmac.digest(key, canonical([pk, *made]), "sha256")[:16]


def is_marked(pk: int, made: Entry, mark: bytes | None) -> bool:
    """Whether the portal wrote this event, with its secret of today or one that it had before."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return mark is not None and any(
        hmac.compare_digest(mark, mark_of(pk, made, secret)) for secret in secrets
    )


def canonical(value: Any) -> bytes:
    """JSON that is the same before and after a value was kept as `jsonb`."""
    plain = msgspec.json.decode(msgspec.json.encode(value))
    text = json.dumps(_whole(plain), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _whole(value: Any) -> Any:
    """With whole numbers as such: `jsonb` writes 1e20 without an exponent, and keeps 1.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return value


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"reviews.audit.mark\0" + secret.encode()).digest()
