"""The promises of the portal, each as a question to what is there after a fault.

Each function yields a sentence for whatever does not hold. `seen` is what the check before noted:
of history, only more may be there.
"""

import re

from django.db import connection

from reviews import dossiers, rulebooks
from reviews.models import Flag, Patient, PatientScreening
from reviews.rules.catalogue import catalogue
from reviews.rules.screen import screen

ABRUPT = re.compile(
    r"\b(stop|discontinue|withdraw)\b[^.]{0,60}\b(immediately|at once|abruptly)", re.I
)
NEGATED = re.compile(r"\b(not|never|no|without|rather than)\b", re.I)
MAY_CHANGE = {
    "reviews_flag": "settled_at settled_until reopened_at ended_at end_reason ended_version_id"
    " new_since_id case_id",
    "reviews_prescription": "superseded_at",
    "reviews_auditevent": "",
    "reviews_decision": "",
    "reviews_casemove": "",
}
"""What is kept for ever, with the few columns of it that may change."""


def broken(chaos):
    """`[(number of the promise, sentence)]` of all that do not hold now."""
    checks = {
        1: (nothing_unscreened, nothing_lost),
        2: (nothing_silent,),
        4: (one_truth,),
        5: (sources,),
        6: (nothing_abrupt, nobody_blocked),
        8: (nothing_edited, everything_in_the_trail),
    }
    found = [
        (number, sentence)
        for number, functions in checks.items()
        for function in functions
        for sentence in function(chaos)
    ]
    for sentence in chaos.load.known.broken:
        found.append((_number(sentence), sentence))
    chaos.load.known.broken.clear()
    return found


def _number(sentence):
    """Which promise a sentence of the load is about; 0 is that it answers at all."""
    for words, number in (("may not see", 7), ("checked and clear", 2), ("acknowledged", 1)):
        if words in sentence:
            return number
    return 0


def nothing_unscreened(chaos):
    """1: every committed version was screened under the live rule book, and nothing waits."""
    left = chaos.ask("SELECT count(*) FROM reviews_screeningrequest")[0][0]
    if left:
        yield f"{left} requests are left after {chaos.SETTLE_SECONDS} s: {chaos.why()}"
    rows = chaos.ask(
        "SELECT p.id, p.patient_id FROM reviews_prescription p"
        " LEFT JOIN reviews_patientscreening s USING (patient_id) WHERE p.superseded_at IS NULL"
        " AND (s.seen_through IS NULL OR s.seen_through < p.id OR s.problem <> '')"
        " AND NOT EXISTS (SELECT 1 FROM reviews_screeningrequest r"
        "                 WHERE r.patient_id = p.patient_id)"
    )
    if rows:
        yield f"{len(rows)} prescriptions are unscreened and nobody asked: {rows[:3]}"


def nothing_lost(chaos):
    """1: what was acknowledged is there, once."""
    rows = chaos.ask(
        "SELECT source_id, count(*) FROM reviews_prescription"
        " WHERE superseded_at IS NULL AND source_id LIKE 'chaos-%' GROUP BY source_id"
    )
    there = dict(rows)
    lost = sorted(set(chaos.load.known.acknowledged) - set(there))
    if lost:
        yield f"{len(lost)} acknowledged prescriptions are lost: {lost[:3]}"
    twice = [source_id for source_id, count in rows if count > 1]
    if twice:
        yield f"{len(twice)} prescriptions are there twice: {twice[:3]}"


def nothing_silent(chaos):
    """2: what is live is what the rules say of the record, and what is loud is in the queue."""
    connection.close()
    _, book = rulebooks.live()
    days = dict(PatientScreening.objects.values_list("patient_id", "as_of"))
    live = {}
    for patient, rule, key in Flag.objects.live().values_list("patient_id", "rule_id", "key"):
        live.setdefault(patient, []).append((rule, key))
    queued = {
        patient
        for (patient,) in chaos.ask("SELECT patient_id FROM reviews_case WHERE closed_at IS NULL")
    }
    newest = list(
        Patient.objects.filter(identifiers__value__startswith="CH")
        .order_by("-pk")
        .values_list("pk", flat=True)[:150]
    )
    for day in {days.get(pk) for pk in newest} - {None}:
        of_the_day = [pk for pk in newest if days.get(pk) == day]
        for pk, _, make in dossiers.read(of_the_day, as_of=day):
            findings = screen(make(), book).findings
            if sorted((each.rule_id, each.key) for each in findings) != sorted(live.get(pk, [])):
                yield f"patient {pk} has flags that are not what the rules find"
            if any(each.severity <= 3 for each in findings) and pk not in queued:
                yield f"patient {pk} has something to look at and is in no queue"


def one_truth(chaos):
    """4: the same, written by form and sent by a system, has the same flags."""
    for by_form, sent in chaos.twins:
        found = [
            chaos.ask(
                "SELECT rule_id, severity, title FROM reviews_flag"
                f" WHERE patient_id = {pk} AND ended_at IS NULL ORDER BY 1, 2, 3"
            )
            for pk in (by_form, sent)
        ]
        if found[0] != found[1]:
            yield f"patients {by_form} and {sent} have the same record and other flags"


def sources(chaos):
    """5: every rule that raised a flag names its authority, and when it was looked at."""
    known = {entry["id"]: entry["sources"] for entry in catalogue()}
    for (rule,) in chaos.ask("SELECT DISTINCT rule_id FROM reviews_flag"):
        if not all(each["reviewed"] for each in known.get(rule, [])) or not known.get(rule):
            yield f"{rule} raised a flag and has no reviewed source"


def nothing_abrupt(chaos):
    """6: no sentence tells anybody to stop at once."""
    for (said,) in chaos.ask("SELECT DISTINCT sentence || ' ' || clears FROM reviews_flag"):
        for match in ABRUPT.finditer(said):
            if not NEGATED.search(said[max(0, match.start() - 60) : match.end()]):
                yield f"a flag says: {match.group()}"


def nobody_blocked(chaos):
    """6: where the fault leaves web and database alone, what was written was taken, in time."""
    fault, began, ended = chaos.held
    mine = [each for each in chaos.load.known.answers if began <= each.at <= ended]
    if fault.bound is not None:
        for each in mine:
            # What was asked within the fault; the machine is shared with what it measures.
            if each.at + fault.bound < ended and each.took > fault.bound + chaos.SLACK_SECONDS:
                yield f"{each.what} had no answer for {each.took:.1f} s"
    if fault.serves:
        refused = [each for each in mine if each.status in (0, 503)]
        if refused:
            yield f"{len(refused)} of {len(mine)} requests were not served: {refused[0].what}"


def nothing_edited(chaos):
    """3 and 8: what was there at the last check is there, and says the same."""
    for table, changing in MAY_CHANGE.items():
        digest = (
            "SELECT count(*), coalesce(max(id), 0), md5(string_agg("
            f"md5((to_jsonb(kept) - string_to_array('{changing}', ' '))::text), '' ORDER BY id))"
            f" FROM {table} kept"
        )
        if table in chaos.seen:
            count, last, said = chaos.seen[table]
            now = chaos.ask(f"{digest} WHERE id <= {last}")[0]
            if now[0] < count:
                yield f"{count - now[0]} rows of {table} are gone"
            elif now[0] == count and now[2] != said:
                yield f"rows of {table} were changed"
        chaos.seen[table] = chaos.ask(digest)[0]


def everything_in_the_trail(chaos):
    """8: each batch that changed something left its event."""
    [(events,)] = chaos.ask(
        "SELECT count(*) FROM reviews_auditevent WHERE verb = 'prescriptions.synced'"
        " AND detail ->> 'source_system' LIKE 'chaos%'"
    )
    if events < chaos.load.known.batches["changed"]:
        taken = chaos.load.known.batches["changed"]
        yield f"{taken} batches were taken, and {events} events tell of them"
