"""A person's own views of the queue: save, rename, remove. Nothing clinical, so nothing audited."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, NotFound
from reviews.models import SavedView

AT_MOST = 20
NAME_LENGTH = SavedView._meta.get_field("name").max_length


@transaction.atomic
def save(*, name: str, query: str, by: User) -> SavedView:
    """Keep these filters under this name. Raises `BadRecord`."""
    access.require(by, Action.SEE_QUEUE)
    if not query:
        raise BadRecord("", "Choose a filter or an order first: without one this is all open cases")
    if SavedView.objects.filter(user=by).count() >= AT_MOST:
        raise BadRecord("", f"You have {AT_MOST} views. Remove one first")
    view = SavedView(user=by, query=query)
    return _name(view, name)


@transaction.atomic
def rename(*, pk: int, name: str, by: User) -> SavedView:
    """Call a view of mine something else. Raises `BadRecord`, `NotFound`."""
    return _name(_mine(pk, by), name)


@transaction.atomic
def remove(*, pk: int, by: User) -> SavedView:
    """Forget a view of mine. Raises `NotFound`."""
    view = _mine(pk, by)
    view.delete()
    return view


def _mine(pk: int, by: User) -> SavedView:
    view = SavedView.objects.filter(user=by, pk=pk).first()
    if view is None:
        raise NotFound("There is no such view of yours.")
    return view


def _name(view: SavedView, name: str) -> SavedView:
    view.name = " ".join(name.split())
    if not view.name:
        raise BadRecord("", "Give the view a name")
    if len(view.name) > NAME_LENGTH:
        raise BadRecord("", f"A name has at most {NAME_LENGTH} letters")
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise BadRecord("", f"You have a view called “{view.name}” already") from None
    return view
