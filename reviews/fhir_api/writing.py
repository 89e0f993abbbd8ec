"""Creating, changing and deleting: one resource, or those of a batch or transaction."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import http_date
from rest_framework.request import Request

from reviews import access, fhir_versions, refused
from reviews.access import Action
from reviews.errors import DomainError, NotAllowed, NotFound, Stale
from reviews.fhir.read.file import MEDICINES
from reviews.fhir.render.elements import instant
from reviews.fhir.write import bundles, exact, patching
from reviews.fhir_api import allowed, answers, bodies, outcomes, paging
from reviews.fhir_api.outcomes import Issue, Refused
from reviews.queries import fhir_conditional, fhir_question
from reviews.queries import fhir_shaping as shaping
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_search import Gone, Search
from reviews.queries.fhir_source import Kind, Shown, Viewer
from reviews.verbs import resources
from reviews.verbs.resources import Wanted, Written

_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,18})"\Z')
_RETURNS = ("minimal", "representation", "OperationOutcome")


def create(request: Request, kind: Kind) -> HttpResponse:
    """POST Type. With If-None-Exist, or with parameters in the address, only if nothing matches."""
    query = request.headers.get("If-None-Exist", "")
    if not query and fhir_conditional.names_something(request.META["QUERY_STRING"]):
        query = request.META["QUERY_STRING"]
    writer = Writer(request)
    writer.require(kind, "c")
    resource = bodies.resource_of(bodies.content_of(request), kind.name)
    if query and (known := writer.matching(kind, query)):
        return writer.answer(Written(kind.name, known[0], 0, created=False, notes=()))
    (written,) = writer.write([Wanted(0, resource)], {0: "c"})
    return writer.answer(written)


def update(request: Request, kind: Kind, known: str) -> HttpResponse:
    """PUT Type/id: the next version of a resource that is here."""
    writer = Writer(request)
    writer.require(kind, "u")
    if not writer.is_here(kind, known):
        raise _given_by_us(f"There is no {kind.name}/{known} here.")
    resource = bodies.resource_of(bodies.content_of(request), kind.name)
    _require_id(resource, known)
    wanted = Wanted(0, resource, known=known, if_match=if_match(request))
    (written,) = writer.write([wanted], {0: "u"})
    return writer.answer(written)


def update_where(request: Request, kind: Kind) -> HttpResponse:
    """PUT Type?...: the next version of the one that matches, or a new resource if none does."""
    writer = Writer(request)
    writer.require(kind, "u")
    resource = bodies.resource_of(bodies.content_of(request), kind.name)
    known = writer.one_of(kind, request.META["QUERY_STRING"])
    if known:
        _require_id(resource, known, may_lack=True)
    else:
        writer.require(kind, "c")
    wanted = Wanted(0, resource, known=known, if_match=if_match(request))
    (written,) = writer.write([wanted], {0: "u" if known else "c"})
    return writer.answer(written)


def patch(request: Request, kind: Kind, known: str) -> HttpResponse:
    """PATCH Type/id, by JSON Patch or by a merge patch."""
    writer = Writer(request)
    writer.require(kind, "u")
    media_type, changes = bodies.patch_of(request)
    resource = writer.patched(kind, known, media_type, changes)
    wanted = Wanted(0, resource, known=known, if_match=if_match(request))
    (written,) = writer.write([wanted], {0: "u"})
    return writer.answer(written)


def patch_where(request: Request, kind: Kind) -> HttpResponse:
    """PATCH Type?...: the one that matches."""
    writer = Writer(request)
    known = writer.one_of(kind, request.META["QUERY_STRING"])
    if not known:
        raise NotFound("Nothing matches.")
    return patch(request, kind, known)


def delete(request: Request, kind: Kind, known: str) -> HttpResponse:
    """DELETE Type/id: entered in error. What is not here is deleted already."""
    writer = Writer(request)
    writer.require(kind, "d")
    writer.delete(kind, known, if_match(request))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def bundle(request: Request) -> HttpResponse:
    """POST to the base: a batch, each entry by itself, or a transaction, all or nothing."""
    writer = Writer(request)
    content = bodies.content_of(request, most=bodies.MOST_BUNDLE_BYTES)
    try:
        entries = bundles.entries(content)
        if content["type"] == "transaction":
            found = [bundles.entry(at, one) for at, one in enumerate(entries)]
            bundles.refuse_twice(found)
            with transaction.atomic():
                said = writer.all_or_nothing(found)
        else:
            said = [writer.alone(at, one) for at, one in enumerate(entries)]
    except exact.NotRead as error:
        raise bodies.not_read(error) from error
    writer.tell()
    return answers.json_answer(
        request,
        {
            "resourceType": "Bundle",
            "type": f"{content['type']}-response",
            **({"entry": said} if said else {}),
        },
    )


class Writer:
    """Reads and writes for the caller of one request."""

    def __init__(self, request: Request) -> None:
        if not access.practice_ids(request.user, Action.SYNC):
            raise NotAllowed("You may not send records here.", action="sync")
        self.request = request
        self.base = answers.base_of(request)
        self.viewer = Viewer(request.user, is_system=request.auth is not None)
        self._to_tell: list[tuple[Kind, list[Shown], dict[str, str]]] = []
        self._bounds: dict[tuple[str, allowed.Letter], allowed.Bounds] = {}

    def require(self, kind: Kind, letter: allowed.Letter) -> allowed.Bounds:
        """The bounds within which the caller may; asked once for each type and letter."""
        key = (kind.name, letter)
        if key not in self._bounds:
            self._bounds[key] = allowed.require(self.request, kind.name, letter)
        return self._bounds[key]

    def search(self, kind: Kind, letter: allowed.Letter) -> Search:
        return answers.search_for(self.request, {kind.name: self.require(kind, letter)})

    def tell(self) -> None:
        """Write down of whom resources go out, before they do, and after all is committed."""
        for kind, shown, query in self._to_tell:
            answers.tell(self.request, kind, shown, query=query)

    # -- What is here --------------------------------------------------------------------------

    def matching(self, kind: Kind, query: str) -> list[str]:
        """The id of the one that matches, or nothing. Raises `Refused` (412) where several do."""
        if not fhir_conditional.names_something(query):
            raise Refused(HTTPStatus.PRECONDITION_FAILED, "The condition names no parameter.")
        found = fhir_conditional.matching(self.search(kind, "s"), kind, query)
        if len(found) > 1:
            raise Refused(
                HTTPStatus.PRECONDITION_FAILED,
                f"Several resources match {kind.name}?{query}.",
                code="multiple-matches",
            )
        return found

    def one_of(self, kind: Kind, query: str) -> str:
        """As `matching`, "" for none."""
        return next(iter(self.matching(kind, query)), "")

    def read(self, kind: Kind, known: str, version: str = "") -> Shown:
        """A resource as it stands, or one version of it."""
        search = self.search(kind, "r")
        try:
            shown = (
                search.version(kind, known, int(version)) if version else search.read(kind, known)
            )
        except Gone as gone:
            raise answers.deleted() from gone
        if shown is None:
            raise NotFound(answers.NO_SUCH)
        return shown

    def now(self, kind: Kind, known: str, letter: allowed.Letter) -> Shown | None:
        """What stands at an id, as far as the caller may change it; None for nothing."""
        try:
            return self.search(kind, letter).read(kind, known)
        except Gone:
            return None

    def is_here(self, kind: Kind, known: str) -> bool:
        """Whether there is, or was, such a resource for the caller."""
        try:
            return self.search(kind, "u").read(kind, known) is not None
        except Gone:
            return True

    def patched(self, kind: Kind, known: str, media_type: str, changes: Any) -> dict[str, Any]:
        """A resource as a patch would leave it, checked."""
        if kind.name == "Patient" and (whose := fhir_versions.settled_as([known])):
            raise Refused(
                HTTPStatus.CONFLICT,
                f"Patient/{known} is Patient/{whose[known]} now: patch that one.",
                code="conflict",
            )
        shown = self.now(kind, known, "u")
        if shown is None:
            raise NotFound(answers.NO_SUCH)
        content = exact.decode(answers.json_of(shaping.whole(shown)))
        change = patching.patched if media_type == bodies.JSON_PATCH else patching.merged
        try:
            found = change(content, changes)
            # What the patch brought may hold what no resource may.
            found = exact.decode(exact.encode(found))
        except exact.NotRead as error:
            raise bodies.not_read(error) from error
        resource = bodies.resource_of(found, kind.name)
        _require_id(resource, known)
        return resource

    # -- What is written -----------------------------------------------------------------------

    def write(
        self,
        wanted: Sequence[Wanted],
        letters: Mapping[int, allowed.Letter],
        *,
        bundled: bool = False,
    ) -> list[Written]:
        """Write resources, all or none. `letters` says what each place is, a create or a change.

        A refusal names the entry of those that came `bundled`.
        """
        wanted = [
            replace(each, resource=bundles.with_ours(each.resource, self.base)) for each in wanted
        ]
        with transaction.atomic():
            for each in wanted:
                if each.known:
                    self._may_change(each)
            try:
                written = resources.write(
                    wanted=wanted,
                    source_system=self.request.auth.source_system,
                    by=self.request.user,
                    kinds=KINDS,
                )
            except NotFound as error:
                raise _given_by_us(error.message) from error
            except resources.Refused as error:
                raise _refused(error, wanted, bundled=bundled) from error
            except Stale as error:
                status = (
                    HTTPStatus.PRECONDITION_FAILED
                    if any(each.if_match for each in wanted)
                    else HTTPStatus.CONFLICT
                )
                raise Refused(status, error.message) from error
            for each, one in zip(wanted, written, strict=True):
                self._require_within(one, letters[each.at])
        return written

    def _may_change(self, wanted: Wanted) -> None:
        """Refuse a change of what is beyond the bounds of the caller, as if it were not here."""
        kind = KINDS[wanted.type]
        if self.require(kind, "u") and self.now(kind, wanted.known, "u") is None:
            raise NotFound(answers.NO_SUCH)

    def _require_within(self, one: Written, letter: allowed.Letter) -> None:
        """Refuse what the caller would not have been allowed to write."""
        kind = KINDS[one.type]
        if self.require(kind, letter) and self.now(kind, one.id, letter) is None:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "The scopes of this token do not reach a resource like this one.",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )

    def delete(self, kind: Kind, known: str, expected: int | None) -> None:
        """Say that a resource was entered in error; one that is not here is left so."""
        shown = self.now(kind, known, "d")
        if shown is None:
            return
        if expected not in (None, shown.version):
            raise Refused(
                HTTPStatus.PRECONDITION_FAILED,
                f"{kind.name}/{known} is at version {shown.version}: read it again.",
            )
        try:
            resources.delete(
                content=exact.decode(answers.json_of(shaping.whole(shown))),
                known=known,
                if_match=expected,
                source_system=self.request.auth.source_system,
                by=self.request.user,
                kinds=KINDS,
            )
        except resources.Refused as error:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, error.message) from error

    def answer(self, written: Written) -> HttpResponse:
        status = HTTPStatus.CREATED if written.created else HTTPStatus.OK
        shown = self._stand([written])[written.type, written.id]
        self.tell()
        return _answer(self.request, status, shown, written.notes)

    # -- Bundles -------------------------------------------------------------------------------

    def alone(self, at: int, said: Any) -> dict[str, Any]:
        """What became of one entry of a batch, also of one that is none."""
        record = bundles.expression(at)
        try:
            entry = bundles.entry(at, said)
            # Without the question: it may name a person.
            record = f"{entry.method} {entry.url.partition('?')[0]}"
            with transaction.atomic(), _naming(entry):
                return self.all_or_nothing([entry])[0]
        except exact.NotRead as error:
            failed = bodies.not_read(error)
        except Refused as error:
            failed = error
        outcome = outcomes.body(failed.issues)
        self._keep(record, outcome["issue"])
        return {"response": {"status": _status(failed.status_code), "outcome": outcome}}

    def _keep(self, record: str, issues: list[dict[str, Any]]) -> None:
        """Keep that an entry of a batch was refused, as a request of its own would be."""
        faults = [
            refused.Fault(",".join(each.get("expression", [])[:1]), each["diagnostics"], record)
            for each in issues
        ]
        if self.request.auth is not None:
            refused.keep(self.request.user, refused.Surface.FHIR, faults)

    def all_or_nothing(self, found: Sequence[bundles.Entry]) -> list[dict[str, Any]]:
        """What became of the entries of a transaction, in their order. In the caller's transaction.

        A refusal names the entry.
        """
        said: dict[int, dict[str, Any]] = {}
        meant: dict[str, str] = {}
        plans: list[tuple[bundles.Entry, Wanted]] = []
        for entry in bundles.in_order(list(found)):
            with _naming(entry):
                kind = self._kind(entry)
                if entry.method == "DELETE":
                    said[entry.at] = self._delete(kind, entry)
                elif entry.method in ("POST", "PUT", "PATCH"):
                    planned = self._plan(kind, entry, meant)
                    if isinstance(planned, Wanted):
                        plans.append((entry, planned))
                    else:
                        said[entry.at] = planned
        said |= self._write_all(plans, meant)
        for entry in found:
            if entry.method in ("GET", "HEAD"):
                with _naming(entry):
                    said[entry.at] = self._get(self._kind(entry), entry)
        return [said[entry.at] for entry in found]

    def _kind(self, entry: bundles.Entry) -> Kind:
        kind = KINDS.get(entry.kind)
        if kind is None:
            raise Refused(
                HTTPStatus.NOT_FOUND, f"“{entry.url[:80]}” is nothing here.", code="not-supported"
            )
        return kind

    def _plan(
        self, kind: Kind, entry: bundles.Entry, meant: dict[str, str]
    ) -> Wanted | dict[str, Any]:
        """What an entry wants written, or what is said where a condition is met already."""
        letter: allowed.Letter = "c" if entry.method == "POST" else "u"
        self.require(kind, letter)
        known, expected = entry.known, _etag(entry.if_match)
        if entry.method == "PATCH":
            return self._plan_patch(kind, entry)
        resource = bodies.resource_of(
            entry.resource, kind.name, within=f"{entry.expression}.resource"
        )
        if entry.method == "POST":
            query = entry.if_none_exist or entry.query
            if query and (ids := self.matching(kind, query)):
                if entry.full_url:
                    meant[entry.full_url] = f"{kind.name}/{ids[0]}"
                return self._told(kind, self.read(kind, ids[0]))
        elif not known:
            known = self.one_of(kind, entry.query)
            if not known:
                self.require(kind, "c")
        if known:
            _require_id(resource, known, may_lack=bool(entry.query))
            if entry.full_url:
                meant[entry.full_url] = f"{kind.name}/{known}"
        return Wanted(entry.at, resource, entry.full_url, known, expected)

    def _plan_patch(self, kind: Kind, entry: bundles.Entry) -> Wanted:
        known = entry.known or self.one_of(kind, entry.query)
        if not known:
            raise NotFound("Nothing matches.")
        media_type, changes = bodies.patch_in(entry.resource, f"{entry.expression}.resource")
        resource = self.patched(kind, known, media_type, changes)
        return Wanted(entry.at, resource, entry.full_url, known, _etag(entry.if_match))

    def _write_all(
        self, plans: list[tuple[bundles.Entry, Wanted]], meant: dict[str, str]
    ) -> dict[int, dict[str, Any]]:
        if not plans:
            return {}
        meant = {**meant, **self._conditional(plans)}
        wanted = [
            Wanted(
                each.at,
                bundles.with_references(each.resource, meant),
                each.full_url,
                each.known,
                each.if_match,
            )
            for _, each in plans
        ]
        letters: dict[int, allowed.Letter] = {
            each.at: "u" if each.known else "c" for each in wanted
        }
        written = self.write(wanted, letters, bundled=True)
        there = self._stand(written)
        return {
            each.at: self._entry(
                there[one.type, one.id],
                HTTPStatus.CREATED if one.created else HTTPStatus.OK,
                one.notes,
            )
            for each, one in zip(wanted, written, strict=True)
        }

    def _stand(self, written: Sequence[Written]) -> dict[tuple[str, str], Shown]:
        """What was written, as it stands now; only which version, where no more is given back.

        What is still being given stands as a statement that it is taken.
        """
        whole = _returns(self.request) != "minimal"
        found: dict[tuple[str, str], Shown] = {}
        for name in {one.type for one in written}:
            for shown_as in (name, *(MEDICINES if name in MEDICINES else ())):
                kind = KINDS[shown_as]
                ids = [
                    one.id for one in written if one.type == name and (name, one.id) not in found
                ]
                if ids:
                    search = Search(KINDS, self.viewer, lambda _: (), self.base)
                    shown = search.read_many(kind, ids, whole=whole)
                    if whole:
                        self._to_tell.append((kind, shown, {"_id": ",".join(ids[:20])}))
                    found |= {(name, one.id): one for one in shown}
        return found

    def _conditional(self, plans: list[tuple[bundles.Entry, Wanted]]) -> dict[str, str]:
        """What conditional references mean. Raises `Refused` for one that has none."""
        meant: dict[str, str] = {}
        for entry, wanted in plans:
            for expression, reference in bundles.references(wanted.resource):
                named = bundles.conditional(reference)
                if named is None or reference in meant:
                    continue
                kind = KINDS.get(named[0])
                known = self.one_of(kind, named[1]) if kind else ""
                if not known:
                    raise Refused(
                        HTTPStatus.PRECONDITION_FAILED,
                        f"“{reference[:200]}” matches nothing.",
                        code="not-found",
                        expression=[
                            f"{entry.expression}.resource.{expression.removesuffix('.reference')}"
                        ],
                    )
                meant[reference] = f"{named[0]}/{known}"
        return meant

    def _delete(self, kind: Kind, entry: bundles.Entry) -> dict[str, Any]:
        if not entry.known:
            raise Refused(HTTPStatus.BAD_REQUEST, "A conditional delete is not offered.")
        self.require(kind, "d")
        self.delete(kind, entry.known, _etag(entry.if_match))
        return {"response": {"status": _status(HTTPStatus.NO_CONTENT)}}

    def _get(self, kind: Kind, entry: bundles.Entry) -> dict[str, Any]:
        if entry.known and not entry.known.startswith("_"):
            shown = self.read(kind, entry.known, entry.version)
            if entry.if_none_match and answers.is_named(entry.if_none_match, shown.version):
                return {"response": {"status": _status(HTTPStatus.NOT_MODIFIED)}}
            return self._told(kind, shown)
        if entry.known not in ("", "_search"):
            raise Refused(
                HTTPStatus.BAD_REQUEST, "Within a Bundle only read and search are offered."
            )
        question = fhir_question.read(
            kind,
            parse_qsl(entry.query, keep_blank_values=True),
            kinds=KINDS,
            base=self.base,
            strict=answers.is_strict(self.request),
        )
        found = self.search(kind, "s").find(question)
        self._to_tell.append((kind, [*found.matches, *found.included], dict(question.applied)))
        return {
            "resource": paging.searchset(question, found, KINDS, self.base, timezone.now()),
            "response": {"status": _status(HTTPStatus.OK)},
        }

    def _told(self, kind: Kind, shown: Shown) -> dict[str, Any]:
        self._to_tell.append((kind, [shown], {"_id": shown.id}))
        return self._entry(shown, HTTPStatus.OK)

    def _entry(self, shown: Shown, status: int, notes: Sequence[str] = ()) -> dict[str, Any]:
        response: dict[str, Any] = {
            "status": _status(status),
            "location": f"{shown.type}/{shown.id}/_history/{shown.version}",
            "etag": f'W/"{shown.version}"',
            "lastModified": instant(shown.at),
        }
        if notes:
            response["outcome"] = outcomes.body(_warnings(notes))
        said: dict[str, Any] = {"fullUrl": f"{self.base}/{shown.type}/{shown.id}"}
        if _returns(self.request) != "minimal":
            said["resource"] = shaping.whole(shown)
        return {**said, "response": response}


class _naming:
    """Says of a refusal within it which entry it is about."""

    def __init__(self, entry: bundles.Entry) -> None:
        self.entry = entry

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refused) and not error.names_entry:
            raise error.within(self.entry.expression) from error
        if isinstance(error, DomainError):
            status, issues = outcomes.of(error)
            raise Refused(status, error.message, issues=issues).within(
                self.entry.expression
            ) from error


def if_match(request: Request) -> int | None:
    """The version that If-Match names. Raises `Refused`."""
    return _etag(request.headers.get("If-Match", ""))


def _etag(said: str) -> int | None:
    said = said.strip()
    if said in ("", "*"):
        return None
    found = _ETAG.match(said)
    if found is None:
        raise Refused(HTTPStatus.BAD_REQUEST, 'If-Match is to be a version such as W/"3".')
    return int(found[1])


def _require_id(resource: dict[str, Any], known: str, *, may_lack: bool = False) -> None:
    said = resource.get("id")
    if said != known and not (may_lack and said is None):
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"The resource's id is to be “{known}”, as in the address.",
            code="value",
            expression=[f"{resource['resourceType']}.id"],
        )


def _given_by_us(message: str) -> Refused:
    return Refused(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{message} An id is given by this server: create it with POST.",
        code="not-supported",
    )


def _refused(error: resources.Refused, wanted: Sequence[Wanted], *, bundled: bool) -> Refused:
    status = HTTPStatus.CONFLICT if error.duplicate_of else HTTPStatus.UNPROCESSABLE_ENTITY
    code = "duplicate" if error.duplicate_of else "business-rule"
    kind = next(each.type for each in wanted if each.at == error.at)
    where = error.element or kind
    if bundled:
        where = bodies.placed(f"{bundles.expression(error.at)}.resource", where)
    return Refused(status, error.message, code=code, expression=[where])


def _answer(request: Request, status: int, shown: Shown, notes: Sequence[str]) -> HttpResponse:
    """The answer to one write: what Prefer asks for, where it is, and as which version."""
    headers = {
        "Location": f"{answers.base_of(request)}/{shown.type}/{shown.id}/_history/{shown.version}",
        "ETag": f'W/"{shown.version}"',
        "Last-Modified": http_date(int(shown.at.timestamp())),
    }
    returns = _returns(request)
    if returns == "minimal":
        return HttpResponse(status=status, headers=headers)
    if returns == "OperationOutcome":
        content = outcomes.body(
            _warnings(notes) or [Issue("information", "informational", "Kept.")]
        )
    else:
        content = shaping.whole(shown)
    return answers.json_answer(request, content, status=status, headers=headers)


def _returns(request: Request) -> str:
    """What Prefer asks to be given back; the resource where it does not say."""
    said = re.search(r"return\s*=\s*\"?(\w+)", request.headers.get("Prefer", ""))
    return said[1] if said and said[1] in _RETURNS else "representation"


def _warnings(notes: Sequence[str]) -> list[Issue]:
    return [Issue("warning", "incomplete", note) for note in notes]


def _status(status: int) -> str:
    return f"{int(status)} {HTTPStatus(status).phrase}"
