"""The second wall: PostgreSQL itself shows a connection only the rows of practices it was told.

`access` asks first, in each list and look-up. Where one of them was forgotten, policies on the
tables (`WALLED`) still hold. What a connection may see is said once for each request and each task,
and it is nothing until somebody says so.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from django.db import connection
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus

SETTING = "portal.practices"
OPENED_SETTING = "portal.opened"
"""The single patients whose records somebody opened beside those of their practices."""
EVERYTHING = "all"
"""What the portal itself sees: workers, commands and migrations."""
NO_PRACTICE = "{}"
"""What somebody sees who works nowhere, or whom nobody knows: rows that belong to no practice."""
UNSET = ""
"""What a connection sees of which nobody said anything: nothing."""

SEE_EVERYTHING = f"SELECT set_config('{SETTING}', '{EVERYTHING}', false)"
"""For a connection of one's own that counts and shows nobody."""

_ALL = f"(SELECT current_setting('{SETTING}', true) = '{EVERYTHING}')"
# In a sub-select, so that each is read once for a query and not once for a row.
_PRACTICES = (
    f"(SELECT nullif(nullif(current_setting('{SETTING}', true), '{EVERYTHING}'), '')::bigint[])"
)
_OPENED = f"(SELECT nullif(current_setting('{OPENED_SETTING}', true), '')::bigint[])"
OF_PRACTICE = f"{_ALL} OR practice_id = ANY ({_PRACTICES}::bigint[])"
OF_ANY_PRACTICE = f"{_ALL} OR practice_ids && {_PRACTICES}::bigint[]"
OF_PRACTICE_OR_NONE = f"{OF_PRACTICE} OR (practice_id IS NULL AND {_PRACTICES} IS NOT NULL)"


def _of(table: str, column: str) -> str:
    """Rows of a table without a practice: seen with the row that they belong to."""
    return f"{_ALL} OR EXISTS (SELECT FROM {table} parent WHERE parent.id = {column})"


WALLED = {
    "reviews_apikey_practices": OF_PRACTICE,
    "reviews_auditevent": OF_PRACTICE_OR_NONE,
    "reviews_breakglass": OF_PRACTICE,
    "reviews_bulkfile": _of("reviews_bulkrequest", "bulk_id"),
    "reviews_bulkid": OF_PRACTICE_OR_NONE,
    "reviews_bulkrequest": OF_ANY_PRACTICE,
    "reviews_case": OF_PRACTICE,
    "reviews_casemove": _of("reviews_case", "case_id"),
    "reviews_change": OF_PRACTICE,
    "reviews_client_practices": OF_PRACTICE,
    "reviews_condition": OF_PRACTICE,
    "reviews_datacheck": _of("reviews_decisionitem", "item_id"),
    "reviews_decision": OF_PRACTICE,
    "reviews_decisionitem": _of("reviews_decision", "decision_id"),
    "reviews_exemption": OF_PRACTICE,
    "reviews_findingopinion": OF_PRACTICE,
    "reviews_flag": OF_PRACTICE,
    "reviews_hookcard": OF_PRACTICE,
    "reviews_hookfeedback": OF_PRACTICE,
    "reviews_identifier": OF_PRACTICE,
    "reviews_identityquestion": OF_PRACTICE,
    "reviews_identityquestion_patients": _of("reviews_identityquestion", "identityquestion_id"),
    "reviews_importnote": OF_PRACTICE,
    "reviews_keptapart": OF_PRACTICE,
    "reviews_letter": OF_PRACTICE,
    "reviews_medicinemeaning": OF_PRACTICE_OR_NONE,
    "reviews_message": OF_PRACTICE,
    "reviews_nosedative": OF_PRACTICE_OR_NONE,
    "reviews_optout": OF_PRACTICE,
    "reviews_patient": OF_PRACTICE,
    "reviews_patientnote": OF_PRACTICE,
    "reviews_patientscreening": _of("reviews_patient", "patient_id"),
    "reviews_patientversion": OF_PRACTICE,
    "reviews_personmerge": OF_PRACTICE,
    "reviews_prescription": OF_PRACTICE,
    "reviews_reading": OF_PRACTICE,
    "reviews_recallanswer": OF_PRACTICE,
    "reviews_recalllist": OF_PRACTICE,
    "reviews_recalllook": OF_PRACTICE,
    "reviews_recallperson": OF_PRACTICE,
    "reviews_recallround": OF_PRACTICE,
    "reviews_screeningrequest": _of("reviews_patient", "patient_id"),
    "reviews_refused": OF_ANY_PRACTICE,
    "reviews_sensitivemark": OF_PRACTICE,
    "reviews_sentresource": OF_PRACTICE,
    "reviews_shadowflag": OF_PRACTICE,
    "reviews_structuredreview": OF_PRACTICE,
    "reviews_taper": OF_PRACTICE,
    "reviews_taperversion": OF_PRACTICE,
    "reviews_uploadfault": OF_ANY_PRACTICE,
    "reviews_uploadpart": OF_ANY_PRACTICE,
    "reviews_waitingrecord": OF_PRACTICE,
    "reviews_webhook": OF_PRACTICE,
    "reviews_webhookmessage": OF_PRACTICE,
    "reviews_webhooktry": OF_PRACTICE,
    "reviews_whatifcase": OF_PRACTICE,
    "reviews_whatifeffect": OF_PRACTICE,
    "reviews_worksession": OF_ANY_PRACTICE,
    "reviews_workvisit": _of("reviews_worksession", "session_id"),
}
"""`{table: which of its rows a connection sees and writes}`: what is said of patients, and keys.

The policy `practices` of each table says the same; migrations write it.
"""

_OF_OPENED = f"patient_id = ANY ({_OPENED}::bigint[])"
_WHERE_OPENED = f"""practice_id IN (
    SELECT opened.practice_id FROM reviews_patient opened
    WHERE opened.id = ANY ({_OPENED}::bigint[])
)"""
READABLE = {
    "reviews_patient": f"id = ANY ({_OPENED}::bigint[])",
    "reviews_case": _OF_OPENED,
    "reviews_condition": _OF_OPENED,
    "reviews_decision": _OF_OPENED,
    "reviews_exemption": _OF_OPENED,
    "reviews_flag": _OF_OPENED,
    "reviews_identifier": _OF_OPENED,
    "reviews_importnote": _OF_OPENED,
    "reviews_medicinemeaning": _WHERE_OPENED,
    "reviews_nosedative": _WHERE_OPENED,
    "reviews_patientversion": _OF_OPENED,
    "reviews_prescription": _OF_OPENED,
    "reviews_reading": _OF_OPENED,
    "reviews_sensitivemark": _OF_OPENED,
    "reviews_taper": _OF_OPENED,
    "reviews_taperversion": _OF_OPENED,
}
"""`{table: which rows beside those of its practices a connection also reads}`, and never writes.

The policy `records_opened` of each table says the same. What belongs to a row of them, such as
a move of a case, is seen with it. It comes after `practices` by name, and so is asked last.
"""

OPEN = {
    "reviews_accesstoken": "digests of tokens, looked up before anybody is known",
    "reviews_apikey": "looked up before anybody is known; whose a key is is walled",
    "reviews_client": "looked up before anybody is known; whose a client is is walled",
    "reviews_clientkey": "public keys, looked up before anybody is known",
    "reviews_clock": "the furthest time that the database has shown",
    "reviews_editanswer": "what second persons say of edits of rule books; no patient",
    "reviews_engine": "the code of the rules",
    "reviews_factorreset": "who asked for whose second factor to be reset; no patient",
    "reviews_feed": "which feed of changes this is",
    "reviews_fetchedkeys": "public keys, looked up before anybody is known",
    "reviews_groupmember": "which practice is in which group; no patient",
    "reviews_guardedbook": "which draft judges at some practices first; no patient",
    "reviews_guardednotice": "who was told that a guarded draft stopped; no patient",
    "reviews_guardedpoint": "counts of cases, for those who publish for every practice",
    "reviews_guardedpractice": "where a guarded draft judges; no patient",
    "reviews_invitation": "read before anybody is known; no patient",
    "reviews_job": "long work; no text of it names a patient",
    "reviews_leaving": "who stops working where; read before anybody is known to see anything",
    "reviews_lettertemplate": "letters are written from them in every practice; no patient",
    "reviews_lettertext": "texts with fields in place of what is known of somebody",
    "reviews_localstatus": "which medicines a practice can get; no patient",
    "reviews_medicine": "medicines as they are written, whoever takes them",
    "reviews_membership": "who works where: read before anybody is known to see anything",
    "reviews_pastprofile": "of which profile a practice was; no patient",
    "reviews_practice": "names of practices",
    "reviews_practicegroup": "names of groups of practices",
    "reviews_preference": "how somebody likes their pages",
    "reviews_press": "digests of forms that were sent, and where their answers led",
    "reviews_registerentry": "numbers of staff in their registers; no patient",
    "reviews_reply": "digests of requests, and their answers, encrypted",
    "reviews_brokenexample": "worked examples that a book does not keep to; no patient",
    "reviews_ruleexample": "invented people, to try rules with; no patient",
    "reviews_rulechange": "edits of rule books, which are for every practice; no patient",
    "reviews_ruledraft": "drafts of rule books are for every practice",
    "reviews_ruleversion": "rule books are for every practice",
    "reviews_savedview": "questions that somebody keeps; the answers are walled",
    "reviews_sealedleaf": "digests of what is sealed",
    "reviews_sealedsubtree": "digests of digests",
    "reviews_screeningrun": "how many were screened, and when",
    "reviews_treehead": "signed digests of the whole log",
    "reviews_shadow": "which drafts run silently where; no patient",
    "reviews_tries": "how often somebody tried to sign in",
    "reviews_upkeepduty": "who keeps which source or rule up to date; no patient",
    "reviews_usedassertion": "digests of signed statements that were used",
    "reviews_whatif": "trials of rule books, which are for every practice; no patient",
    "reviews_whatifcount": "counts of flags, for those who publish for every practice; no patient",
    "reviews_whatifedit": "counts of flags for each edit of a draft; no patient",
    "reviews_whatifpractice": "counts of cases, for those who publish for every practice",
}
"""`{table: why no wall is around it}`. A table of reviews stands here or in WALLED."""


_sight: ContextVar[str | None] = ContextVar("sight", default=None)
_lock = threading.Lock()
_default = UNSET


def by_default(sight: str) -> None:
    """Say what this process sees wherever nothing else is said, such as EVERYTHING in a command."""
    global _default  # noqa: PLW0603 - it is a fact of the process
    with _lock:
        _default = sight
    _tell()


def sight() -> str:
    """What may be seen here and now."""
    said = _sight.get()
    return _default if said is None else said


def of(practice_ids: Iterable[int], opened: Iterable[int] = ()) -> str:
    """The sight of somebody who works at these practices and opened the records of these patients.

    A text: the practices, and behind a space the patients.
    """
    practices, patients = _array(practice_ids), _array(opened)
    return practices if patients == "{}" else f"{practices} {patients}"


def _array(ids: Iterable[int]) -> str:
    return f"{{{','.join(str(int(pk)) for pk in sorted(ids))}}}"


def let_see(sight: str) -> None:
    """See so much from here on, until the `seeing` around it ends; without one nothing changes."""
    if _sight.get() is not None:
        _sight.set(sight)
        _tell()


@contextmanager
def seeing(sight: str) -> Iterator[None]:
    """See so much inside, and afterwards as much as before."""
    before = _sight.set(sight)
    _tell()
    try:
        yield
    finally:
        _sight.reset(before)
        _tell()


_TELL = f"SELECT set_config('{SETTING}', %s, false), set_config('{OPENED_SETTING}', %s, false)"


def _tell(connection: Any = connection) -> None:
    """Tell the open connection; one that is opened later is told then.

    The setting is the session's, so it holds outside transactions too. One that is rolled back
    takes back what was said in it: to what was said before, which is what holds there again. So an
    aborted one, which takes no statement any more, needs none.
    """
    raw = connection.connection
    if raw is None or raw.closed or raw.info.transaction_status == TransactionStatus.INERROR:
        return
    try:
        # Past Django's cursor: this is no query of a page, and none to be counted.
        practices, _, opened = sight().partition(" ")
        raw.execute(_TELL, [practices, opened])
    except psycopg.Error:
        # What could not be told must not be asked: the next query opens another connection.
        connection.close()


def _tell_new(*, connection: Any, **_: Any) -> None:
    _tell(connection)


connection_created.connect(_tell_new, dispatch_uid="reviews.walls")


def forget(raw: Any) -> None:
    """Take what a connection was told from it, before the pool lends it to somebody else."""
    raw.autocommit = True
    raw.execute(_TELL, [UNSET, ""])
