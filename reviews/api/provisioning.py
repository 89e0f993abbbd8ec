"""The people of a practice by REST: a list of staff elsewhere keeps the one here.

People who are signed in may read, as far as their roles go. Only a key that was made for it may
change anything, one person at a time.
"""

import contextlib
import json
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request

from reviews import access, records, staff
from reviews.access import Action
from reviews.api import shapes
from reviews.api.bodies import LengthRequired, TooLarge
from reviews.api.schema import Operation
from reviews.api.views import ApiView, Nothing
from reviews.callers import Bearer
from reviews.errors import BadRecord, NotAllowed, NotFound
from reviews.limits import Writes
from reviews.models import Invitation, Practice
from reviews.queries import staff as queries
from reviews.verbs import invitations, leaving, practices, registers, roles

MOST_BYTES = 64 * 1024
INVITED = shapes.NewInvitation.__struct_fields__


class Listed(ApiView):
    """A short list: nobody works at so many places, nor so many at one, that it needs pages."""

    def asked(self, request: Request) -> list[Practice]:
        """The practices that the question is about."""
        given = request.query_params.dict()
        question = type(self).operation.query
        asked = records.convert(given, question or Nothing)
        mine = access.practices(request.user, Action.SEE_PEOPLE)
        if not mine:
            raise NotAllowed(f"You may not {Action.SEE_PEOPLE} anywhere.")
        code = getattr(asked, "practice", "")
        return list(mine.filter(code=code) if code else mine)


class Change(ApiView):
    """One change, sent by a key as one JSON object."""

    authentication_classes = [Bearer]
    throttle_classes = [Writes]

    def sent(self, request: Request) -> Any:
        """The body in its shape. Raises `BadRecord`."""
        if request.query_params:
            records.convert(request.query_params.dict(), Nothing)
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType(request.content_type)
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired
        raw = request.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise TooLarge(f"The body is larger than {MOST_BYTES // 1024} KiB.")
        shape = type(self).operation.record
        # What is no JSON is refused below, in the words of any other body.
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(raw, object_pairs_hook=_each_once)
        try:
            return records.decode(raw, msgspec.json.Decoder(shape))
        except BadRecord as error:
            if error.field == "record":
                raise ParseError("The body must be one JSON object.") from error
            raise


class Practices(Listed):
    """The practices whose people the caller keeps."""

    operation = Operation("practices", answer=shapes.Practices)

    def get(self, request: Request) -> HttpResponse:
        return in_json(shapes.Practices([_practice(each) for each in self.asked(request)]))


class PracticeChange(Change):
    """Change what is known of a practice; what is left out stays."""

    operation = Operation("change-practice", record=shapes.PracticeDetails, answer=shapes.Practice)

    def patch(self, request: Request, code: str) -> HttpResponse:
        sent = self.sent(request)
        mine = access.practices(request.user, Action.EDIT_PRACTICE)
        practice = mine.filter(code=code).first()
        if practice is None:
            raise NotFound(access.NO_SUCH_RECORD)
        details = {
            field: value
            for field in shapes.PracticeDetails.__struct_fields__
            if (value := getattr(sent, field)) is not msgspec.UNSET
        }
        return in_json(_practice(practices.edit(practice=practice, by=request.user, **details)))


class People(Listed):
    """Who works at the caller's practices: a row for each person and practice."""

    operation = Operation("people", query=shapes.PeopleQuestion, answer=shapes.People)

    def get(self, request: Request) -> HttpResponse:
        return in_json(
            shapes.People(
                [
                    _person(practice, colleague)
                    for practice in self.asked(request)
                    for colleague in queries.colleagues(practice)
                ]
            )
        )


class Invitations(Listed):
    """Invitations that nobody has answered and that have not ended, the newest first."""

    operation = Operation("invitations", query=shapes.PeopleQuestion, answer=shapes.Invitations)

    def get(self, request: Request) -> HttpResponse:
        return in_json(
            shapes.Invitations(
                [
                    _invitation(each)
                    for practice in self.asked(request)
                    for each in queries.invitations(practice)
                    if each.ends_at > timezone.now()
                ]
            )
        )


class Invite(Change):
    """Invite somebody to work at a practice, by mail or by a code that the answer holds."""

    operation = Operation("invite", record=shapes.NewInvitation, answer=shapes.Invited)

    def post(self, request: Request) -> HttpResponse:
        sent = self.sent(request)
        practice = place(request, sent.practice, Action.INVITE)
        given = {field: getattr(sent, field) for field in INVITED if field != "practice"}
        invited = invitations.invite(practice=practice, by=request.user, **given)
        return in_json(
            shapes.Invited(
                invitation=_invitation(invited.invitation),
                mailed=invited.mailed,
                code=None if invited.mailed else invited.code,
                link=None if invited.mailed else invited.link,
            )
        )


class Roles(Change):
    """Say which of the roles that a key gives somebody holds. Nobody's other roles change."""

    operation = Operation("set-roles", record=shapes.NewRoles, answer=shapes.PersonOfPractice)

    def put(self, request: Request, pk: int) -> HttpResponse:
        sent = self.sent(request)
        practice = place(request, sent.practice, Action.GIVE_ROLES)
        person = _of(practice, pk)
        roles.change(
            person=person,
            practice=practice,
            roles=sent.roles,
            reason=sent.reason,
            by=request.user,
        )
        return in_json(_the_person(practice, person))


class Register(Change):
    """Record a professional number, and what its register said of it."""

    operation = Operation(
        "record-register", record=shapes.RegisterCheck, answer=shapes.PersonOfPractice
    )

    def post(self, request: Request, pk: int) -> HttpResponse:
        sent = self.sent(request)
        practice = place(request, sent.practice, Action.CHECK_REGISTER)
        person = _of(practice, pk)
        registers.record(
            person=person,
            practice=practice,
            register=sent.register,
            number=sent.number,
            status=sent.status,
            checked_on=sent.checked_on,
            by=request.user,
        )
        return in_json(_the_person(practice, person))


class Leave(Change):
    """End somebody's work at a practice, at once or at a time ahead."""

    operation = Operation("leave", record=shapes.NewLeaving, answer=shapes.Left)

    def post(self, request: Request, pk: int) -> HttpResponse:
        sent = self.sent(request)
        practice = place(request, sent.practice, Action.END_WORK)
        said = {
            "person": _of(practice, pk),
            "practice": practice,
            "cases_to": _heir(practice, sent.cases_to),
            "by": request.user,
        }
        if sent.at is not None:
            planned = leaving.plan(at=sent.at, **said)
            return in_json(shapes.Left(planned.at, False, False, 0, 0, 0, [], 0))
        left = leaving.leave(**said)
        return in_json(
            shapes.Left(
                at=left.at,
                done=True,
                blocked=left.blocked,
                sessions=left.sessions,
                handed_over=left.handed_over,
                released=left.released,
                keys=[key.prefix for key in left.keys],
                invitations=left.invitations,
            )
        )


class InvitationWithdrawal(Change):
    """Take an invitation back: its code works no longer."""

    operation = Operation("withdraw-invitation", record=shapes.Nothing, answer=shapes.Invitation)

    def post(self, request: Request, pk: int) -> HttpResponse:
        self.sent(request)
        rows = Invitation.objects.select_related("practice", "made_by")
        found = access.fetch(rows, request.user, Action.INVITE, pk=pk)
        return in_json(_invitation(invitations.withdraw(invitation=found, by=request.user)))


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Of a field that comes twice nobody can say which was meant. Raises `BadRecord`."""
    met = set()
    for name, _ in pairs:
        if name in met:
            raise BadRecord(name, "was given more than once")
        met.add(name)


def place(request: Request, code: str, action: Action) -> Practice:
    """The practice that a body names, or the only one of the key."""
    mine = access.practices(request.user, action)
    if not mine:
        raise NotAllowed(f"You may not {action} anywhere.")
    if code:
        mine = mine.filter(code=code)
    elif len(mine) > 1:
        raise BadRecord("practice", "is needed: this key serves several practices")
    found = mine.first()
    if found is None:
        raise BadRecord("practice", "is not one that this key serves")
    return found


def _of(practice: Practice, pk: int) -> User:
    found = staff.people_of([practice.pk]).filter(pk=pk).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def _heir(practice: Practice, pk: int | None) -> User | None:
    if pk is None:
        return None
    found = staff.people_of([practice.pk]).filter(pk=pk).first()
    if found is None:
        raise BadRecord("cases_to", "is nobody who works at this practice")
    return found


def _the_person(practice: Practice, person: User) -> shapes.PersonOfPractice:
    [colleague] = [each for each in queries.colleagues(practice) if each.user == person]
    return _person(practice, colleague)


def _practice(practice: Practice) -> shapes.Practice:
    return shapes.Practice(
        code=practice.code,
        name=practice.name,
        profile=practice.profile,
        country=practice.country,
        time_zone=practice.zone.key,
        locale=practice.language_tag,
        address=practice.address,
        telephone=practice.telephone,
        email=practice.email,
        second_factor=practice.second_factor,
    )


def _person(practice: Practice, colleague: queries.Colleague) -> shapes.PersonOfPractice:
    user, entry = colleague.user, colleague.entry
    return shapes.PersonOfPractice(
        id=user.pk,
        practice=practice.code,
        username=user.username,
        given_name=user.first_name,
        family_name=user.last_name,
        email=user.email,
        roles=[role.value for role in colleague.roles],
        second_factors=colleague.factors,
        register=entry.register if entry else "",
        number=entry.number if entry else "",
        register_status=entry.status if entry else None,
        checked_on=entry.checked_on if entry else None,
        leaves_at=colleague.leaving.at if colleague.leaving else None,
        last_sign_in=user.last_login,
    )


def _invitation(invitation: Invitation) -> shapes.Invitation:
    return shapes.Invitation(
        id=invitation.pk,
        practice=invitation.practice.code,
        given_name=invitation.given_name,
        family_name=invitation.family_name,
        email=invitation.email,
        roles=invitation.roles,
        made_at=invitation.made_at,
        ends_at=invitation.ends_at,
    )


def in_json(answer: msgspec.Struct) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")
