"""Every address of the portal, and going through all of them as somebody."""

import json
from typing import NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from drugs.models import Equivalent
from reviews.access import DOORS
from reviews.models import Membership, Role
from tests.web.browse import BACKEND

KEYS = {Role.INTEGRATION_CLIENT: "key for records", Role.PROVISIONING_CLIENT: "key for people"}
"""Who calls with the key of a system, beside the roles of people."""


class Route(NamedTuple):
    """An address by its name, and the names of what it takes."""

    name: str
    takes: frozenset[str]


def routes():
    """Every named address: pages and API, without those of sign-in, which are allauth's."""
    found = []

    def collect(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                if pattern.name:
                    found.append(Route(pattern.name, frozenset(pattern.pattern.converters)))
            elif str(pattern.pattern) != "accounts/":
                collect(pattern.url_patterns)

    collect(get_resolver().url_patterns)
    return found


_RULE_DRAFTS = (
    *("rule-draft", "rule-draft-rebase", "rule-draft-freeze"),
    *("rule-draft-put-away", "rule-draft-file"),
)
_RULE_CHANGES = ("rule-change-withdraw", "rule-change-confirm")


def arguments(world):
    """`{name of the address: what it takes}`, to reach what belongs to `world`."""
    patient, case, taper = ({"pk": row.pk} for row in (world.patient, world.case, world.taper))
    drug = {"key": "diazepam"}
    equivalent = Equivalent.objects.filter(ingredient__key="diazepam").latest("pk")
    row = {**drug, "kind": "equivalent", "pk": equivalent.pk}
    book, place = {"number": 1}, {"pk": world.place.pk}
    colleague, invitation = {"pk": world.staff[Role.CLINICIAN].pk}, {"pk": world.invitation.pk}
    colleague_here = {"practice_pk": world.place.pk, **colleague}
    letter, recall = {"key": "invitation"}, {"pk": world.recall.pk}
    given = {
        **{route.name: {} for route in routes() if not route.takes},
        "patient": patient,
        "prescription-log": patient,
        "prescription-preview": patient,
        "medicine-search": patient,
        "taper-plan": patient,
        "api-patient": patient,
        "patient-reading": {**patient, "kind": "egfr"},
        "patient-reading-correct": {**patient, "reading_pk": world.reading.pk},
        "patient-condition-end": {**patient, "condition_pk": world.condition.pk},
        "patient-exemption-end": {**patient, "exemption_pk": world.exemption.pk},
        "patient-review-shown": {**patient, "review_pk": world.review.pk},
        "patient-review-take-back": {**patient, "review_pk": world.review.pk},
        "api-review": {"pk": world.review.pk},
        "patient-note-strike": {**patient, "note_pk": world.patient_note.pk},
        "patient-merge": {**patient, "other": world.other.pk},
        "prescription-amend": {"pk": world.prescription.pk},
        "prescription-withdraw": {"pk": world.prescription.pk},
        "api-prescription": {"pk": world.prescription.pk},
        "api-dispensing": {"pk": world.fay.prescriptions.get(dispensed=True).pk},
        "case": case,
        "api-case": case,
        "taper": taper,
        "taper-sheet": taper,
        "taper-move": {**taper, "code": "start"},
        "api-taper": {"pk": world.taper_version.pk},
        "finding-unhelpful": {**patient, "rule_id": "DUR-01"},
        "opinion-answer": {"pk": world.opinion.pk},
        "message-answer": {"pk": world.message.pk},
        "message-close": {"pk": world.message.pk},
        "message-keep": {"pk": world.message.pk},
        "api-message": {"pk": world.message.pk},
        "data-quality-check": {"pk": world.item.pk},
        "import-note-answer": {"pk": world.note.pk},
        "api-note": {"pk": world.note.pk},
        "waiting-record": {"pk": world.question.pk},
        "merge-undo": {"pk": world.merge.pk},
        "kept-apart-undo": {"pk": world.apart.pk},
        "unknown-medicines-take-back": {"pk": world.said.pk},
        "unknown-medicines-meaning-take-back": {"pk": world.meaning.pk},
        "api-reading": {"pk": world.reading.pk},
        "api-flag": {"pk": world.flag.pk},
        "api-decision": {"pk": world.decision.pk},
        "api-decision-text": {"pk": world.decision.pk},
        "letter": {"pk": world.letter.pk},
        "letter-pdf": {"pk": world.letter.pk},
        "letter-text": letter,
        "letter-text-publish": {**letter, "number": 1},
        "letter-text-put-away": {**letter, "number": 1},
        "recall-list": recall,
        "recall-opt-out": recall,
        "recall-looked": recall,
        "recall-write": recall,
        "recall-close": recall,
        "recall-pages": {**recall, "number": 1},
        "recall-answer": {**recall, "person_pk": world.recalled.pk},
        "recall-ask-again": {**recall, "person_pk": world.recalled.pk},
        "queue-view": {"pk": world.view.pk},
        "work-session": {"pk": world.session.pk},
        "work-session-leave": {"pk": world.session.pk},
        "job-cancel": {"pk": world.job.pk},
        "job-again": {"pk": world.job.pk},
        "key-revoke": {"pk": world.key.pk},
        **{
            f"{prefix}webhook{name}": {"pk": world.webhook.pk}
            for prefix, names in (
                ("", ("", "-change", "-secret", "-sample", "-switch", "-remove")),
                ("api-", ("", "-secret", "-sample", "-remove", "-messages")),
            )
            for name in names
        },
        **{
            f"{prefix}webhook-again": {
                "webhook_pk": world.webhook.pk,
                "pk": world.webhook_message.pk,
            }
            for prefix in ("", "api-")
        },
        "client": {"pk": world.client.pk},
        "client-withdraw": {"pk": world.client.pk},
        "client-key-withdraw": {"pk": world.client.pk, "key_pk": world.client.keys.get().pk},
        "hook-service": {"service": "order-sign"},
        "hook-feedback": {"service": "order-sign"},
        "api-condition": {"pk": world.condition.pk},
        "api-letter": {"pk": world.letter.pk},
        "api-screening": patient,
        "api-drug": drug,
        "api-upload": {"pk": world.upload.pk},
        "api-upload-errors": {"pk": world.upload.pk},
        "audit-event": {"pk": world.event.pk},
        "people-of": place,
        "people-invite": place,
        "practice-edit": place,
        "invitation-renew": invitation,
        "invitation-withdraw": invitation,
        "person": colleague_here,
        "person-register": colleague_here,
        "person-leave": colleague_here,
        "person-reset": colleague_here,
        "reset-answer": {"pk": world.reset.pk},
        "api-practice": {"code": world.place.code},
        "api-person-roles": colleague,
        "api-person-register": colleague,
        "api-person-leave": colleague,
        "api-invitation-withdraw": invitation,
        "drug": drug,
        "drug-add": {**drug, "kind": "equivalent"},
        "drug-edit": row,
        "drug-retire": row,
        "rule": {"rule_id": "DUR-01"},
        "code-list": {"pk": world.edition.pk},
        "code-list-in-force": {"pk": world.edition.pk},
        "code-list-out-of-force": {"pk": world.edition.pk},
        "rulebook": book,
        "rulebook-publish": book,
        "rulebook-discard": book,
        "rulebook-roll-back": book,
        "rulebook-export": book,
        "rulebook-comparison": {**book, "other": 1},
        "drug-here": {**drug, "scope": world.place.code},
        "drug-here-take-back": {**drug, "scope": world.place.code},
        "formulary-rows": {"kind": "limit", "form": "csv"},
        "rule-draft-facts": {"pk": world.rule_draft.pk, "kind": "csv"},
        "rulebook-what-if": book,
        "rulebook-what-if-ask": book,
        "rulebook-what-if-counts": book,
        "rulebook-shadow": book,
        "rulebook-shadow-begin": book,
        "rulebook-guarded": book,
        "rulebook-guarded-begin": book,
        "rulebook-guarded-widen": book,
        "rulebook-guarded-to-shadow": book,
        "rulebook-guarded-roll-back": book,
        "shadow-end": {"pk": world.shadow.pk},
        "rule-change": {"rule_id": "DUR-01"},
        **{name: {"code": "UK"} for name in ("profile", "profile-change", "profile-take-away")},
        "rule-example-add": {"rule_id": "DUR-01"},
        "rule-example-withdraw": {"pk": world.rule_example.pk},
        "rulebook-explain": book,
        "rulebook-edit-answer": {**book, "pk": world.rule_edit.pk},
        **{name: {"pk": world.rule_draft.pk} for name in _RULE_DRAFTS},
        **{name: {"pk": world.rule_edit.pk} for name in _RULE_CHANGES},
        "break-glass-end": {"pk": world.opened.pk},
        "break-glass-look": {"pk": world.opened.pk},
    }
    # Only the system that asked for an export sees any of it.
    given |= {
        "fhir-export-group": {"logical_id": world.place.code},
        "fhir-Subscription-one": {"logical_id": str(world.webhook.pk)},
        "fhir-bulk-status": {"pk": UUID(int=world.place.pk)},
        "fhir-bulk-file": {"pk": UUID(int=world.place.pk), "name": "0001.Patient.ndjson"},
    }
    given |= {f"fhir-{name}-one": {"logical_id": one} for name, one in resources(world).items()}
    for route in routes():
        prefix = route.name.partition("-")[0]
        if route.name not in given and prefix in ("patient", "case"):
            given[route.name] = {"patient": patient, "case": case}[prefix]
    return given


def resources(world):
    """`{type of a FHIR resource: the id of one that belongs to `world`}`."""
    post = Membership.objects.get(user=world.staff[Role.CLINICIAN], practice=world.place)
    of_fay = world.fay.prescriptions.all()
    fay = {one.source_id.partition("-")[0]: one.order_id for one in of_fay}
    return {
        "Patient": world.patient.pk,
        "Group": world.place.code,
        "Practitioner": world.staff[Role.CLINICIAN].pk,
        "PractitionerRole": post.pk,
        "Organization": world.place.pk,
        "Medication": of_fay[0].medicine_id,
        "MedicationRequest": world.prescription.order_id,
        "MedicationDispense": fay["handed"],
        "MedicationStatement": fay["told"],
        "MedicationAdministration": fay["given"],
        "Condition": world.condition.record_id,
        "Observation": world.reading.record_id,
        "AllergyIntolerance": world.fay.conditions.get().record_id,
        "DetectedIssue": world.flag.pk,
        "Task": world.case.pk,
        "Communication": f"message-{world.message.pk}",
        "CarePlan": world.taper.pk,
        "AuditEvent": world.event.pk,
        "Provenance": f"order-{world.prescription.pk}",
    }


def sent(world):
    """`{name of the address: what its form or query says}`, where it says whom it is about."""
    return {
        "patient-letters": {"text": world.letter.text_id},
        "hand-over": {"case": world.case.pk, "to": world.staff[Role.REVIEWER].pk},
        "unknown-medicines-judge": {"where": world.place.pk},
        "finding-unhelpful": {"unhelpful": "short"},
        "opinion-answer": {"answer": "It stays"},
        "queue-claim": {"case": f"{world.case.pk}:{world.case.lock}"},
        "audit-export": {"form": "csv", "reason": "asked for", "query": f"q={world.name}"},
        "reset-answer": {"answer": "refuse"},
        "practice-edit": {"name": "Another name", "profile": world.place.profile},
        "api-practice": {"telephone": "01632 960114"},
        "api-person-roles": {"roles": (Role.REVIEWER,)},
        "api-person-register": {"register": "GMC", "number": "9000017", "status": "unchecked"},
        "api-invite": {"family_name": "Ashby", "roles": (Role.CLINICIAN,)},
        "queue-answer": {"case": f"{world.case.pk}:{world.case.lock}"},
        "webhook-make": {
            "name": "Other",
            "url": "https://example.com/",
            "practice": world.place.pk,
            "events": ("prescription.logged",),
        },
        "api-webhook-make": {
            "name": "Other",
            "url": "https://example.com/",
            "events": ("prescription.logged",),
        },
        "decisions-undo": {"decision": world.decision.pk},
    }


def questions(world):
    """Lists asked for what belongs to `world`: address and query, most of a name among them."""
    part = world.name[:-2]
    person = {"patient": world.patient.pk}
    return [
        *(("queue", query) for query in ({"q": part}, {"sort": "due"}, {"rule": "DQ-03"})),
        *(("patients", query) for query in ({"q": part}, {"q": f"1{part}"})),
        *(("search", query) for query in ({"q": part}, {"q": f"{part[:-2]}{part[-1]}{part[-2]}"})),
        ("prescription-log", {"replaces": world.prescription.pk}),
        *(("audit", query) for query in ({"q": part}, {"patient": world.patient.pk})),
        ("audit-day", {"who": world.staff[Role.CLINICIAN].pk}),
        *(
            (f"api-{kind}", person)
            for kind in (
                "prescriptions",
                "readings",
                "reviews",
                "tapers",
                "notes",
                "flags",
                "cases",
                "messages",
                "conditions",
                "letters",
                "screenings",
            )
        ),
        ("api-patients", {"updated_since": "2020-01-01T00:00:00Z"}),
    ]


class Asked(NamedTuple):
    """One request, and who makes it."""

    who: str
    method: str
    address: str
    data: tuple[tuple[str, object], ...] = ()


def requests(to, of):
    """All that anybody of the world `to` may try in order to see something of the world `of`."""
    own, foreign = arguments(to), arguments(of)
    tried = []
    for route in routes():
        address = reverse(route.name, kwargs=foreign[route.name])
        tried.append(("GET", address, ()))
        said = tuple(sent(of).get(route.name, {}).items())
        tried.append((DOORS[route.name].by, address, said))
        tried.append(("GET", reverse(route.name, kwargs=own[route.name]), ()))
    for name, query in questions(of):
        for place in (foreign, own):
            tried.append(("GET", reverse(name, kwargs=place[name]), tuple(query.items())))
    everybody = [*to.staff, *KEYS.values()]
    return [Asked(who, *each) for who in everybody for each in dict.fromkeys(tried)]


class Visitors:
    """Everybody of a world, and the systems that have a key there. What they change is undone."""

    def __init__(self, world):
        everybody = (*world.staff, *KEYS.values())
        self.clients = {who: Client(raise_request_exception=False) for who in everybody}
        for role, user in world.staff.items():
            self.clients[role].force_login(user, backend=BACKEND)
        self.bearer = {
            KEYS[role]: {"Authorization": f"Bearer {secret}"}
            for role, secret in world.secrets.items()
        }

    def ask(self, asked, then=None):
        """The answer to a request; `then` is called before what it changed is undone."""
        cache.clear()  # or the limit of requests would answer
        undone = transaction.atomic()
        # What was seen is told in a commit of its own, which this must not look like.
        undone._from_testcase = True
        with undone:
            answer = send(self.clients[asked.who], asked, self.bearer.get(asked.who))
            if then:
                then()
            transaction.set_rollback(True)
        return answer


def send(client, asked, headers=None):
    """The answer to a request; what is sent to the API is JSON."""
    if asked.method == "GET" or not asked.address.startswith(("/api/", "/fhir/")):
        way = getattr(client, asked.method.lower())
        return way(asked.address, dict(asked.data), headers=headers)
    body = json.dumps(dict(asked.data))
    json_type = "application/json"
    return client.generic(
        asked.method, asked.address, body, content_type=json_type, headers=headers
    )


def shows(answer, world):
    """Whether an answer has something of a world in it, by its name, which is in all its texts."""
    return world.name.lower() in answer.content.decode(errors="replace").lower()
