"""What screening knows: the drugs of the published rule book, and its profiles."""

from django.http import HttpResponse
from rest_framework.request import Request

from reviews import access, profiles, records, rulebooks
from reviews.access import Action
from reviews.api import shapes
from reviews.api.provisioning import etag, in_json
from reviews.api.schema import Operation
from reviews.api.views import ApiView, Nothing, asked_once
from reviews.errors import NotFound
from reviews.models import LocalStatus, Practice
from reviews.queries import local_status
from reviews.rules.book import RuleBook
from reviews.rules.drug import Drug
from reviews.rules.profiles import Profile, all_of


class Formulary(ApiView):
    """Every drug of the published rule book: classes, codes, limits and equivalents."""

    operation = Operation("formulary", answer=shapes.Formulary)

    def get(self, request: Request) -> HttpResponse:
        book = _asked(request)
        names, local = _names(book), local_status.everywhere(request.user)
        answer = shapes.Formulary(
            book.number, [_drug(book.drugs[key], names, local) for key in sorted(book.drugs)]
        )
        if request.headers.get("If-None-Match") == etag(answer):
            return HttpResponse(status=304, headers={"ETag": etag(answer)})
        return in_json(answer)


class FormularyDrug(ApiView):
    """One drug of the published rule book, by its key."""

    operation = Operation("drug", answer=shapes.Drug)

    def get(self, request: Request, key: str) -> HttpResponse:
        book = _asked(request)
        if key not in book.drugs:
            raise NotFound("There is no drug of this key in the published rule book.")
        local = local_status.everywhere(request.user)
        return in_json(_drug(book.drugs[key], _names(book), local))


class Profiles(ApiView):
    """The profiles that a practice can be of: those of the software, then those of the rule book.

    For whoever may see the rules, or who works where.
    """

    operation = Operation("profiles", answer=shapes.Profiles)

    def get(self, request: Request) -> HttpResponse:
        records.convert(asked_once(request), Nothing)
        if not access.allowed(request.user, Action.SEE_PEOPLE):
            access.require(request.user, Action.SEE_FORMULARY)
        return in_json(shapes.Profiles([_profile(each) for each in all_of(profiles.live())]))


def _profile(profile: Profile) -> shapes.Profile:
    return shapes.Profile(
        code=profile.code,
        name=profile.name,
        parent=profile.parent,
        locale=profile.locale,
        country=profile.country,
        time_zone=profile.time_zone,
    )


def _asked(request: Request) -> RuleBook:
    records.convert(asked_once(request), Nothing)
    access.require(request.user, Action.SEE_FORMULARY)
    _, book = rulebooks.live()
    return book


def _names(book: RuleBook) -> dict[str, list[str]]:
    """The names by which a drug alone is known, brands among them, by its key."""
    found: dict[str, list[str]] = {}
    for name, entry in sorted(book.names.items()):
        if len(entry.drugs) == 1:
            found.setdefault(entry.drugs[0], []).append(name)
    return found


def _drug(
    drug: Drug,
    names: dict[str, list[str]],
    local: dict[str, list[tuple[Practice, LocalStatus]]],
) -> shapes.Drug:
    return shapes.Drug(
        key=drug.key,
        name=drug.name,
        classes=sorted(drug.classes),
        atc=list(drug.atc),
        rxcui=list(drug.rxcui),
        snomed=list(drug.snomed),
        names=names.get(drug.key, []),
        band=drug.band,
        metabolism=drug.metabolism,
        max_mg_per_day=drug.max_mg_per_day,
        elder_max_mg_per_day=drug.elder_max_mg_per_day,
        equivalents={table: list(both) for table, both in drug.equivalents.items()},
        strengths={
            profile: {form: list(given) for form, given in forms.items()}
            for profile, forms in drug.strengths.items()
        },
        unverified=list(drug.unverified),
        local=[_local(practice, row) for practice, row in local.get(drug.key, [])],
    )


def _local(practice: Practice, row: LocalStatus) -> shapes.LocalStatus:
    return shapes.LocalStatus(
        practice=practice.code,
        said_for=row.place.scope,
        status=row.status,
        restricted_to=row.restricted_to,
        source=row.source,
        locator=row.locator,
        reviewed=row.reviewed,
        next_review=row.next_review,
    )
