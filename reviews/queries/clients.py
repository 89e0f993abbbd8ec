"""The systems that sign what they ask, for whoever may end them."""

from django.contrib.auth.models import User
from django.db.models import F, QuerySet

from reviews import access
from reviews.access import Action
from reviews.models import Client


def visible(user: User) -> QuerySet[Client]:
    """Those of the practices where `user` may end them, those in force first."""
    return (
        Client.objects.filter(practices__in=access.practice_ids(user, Action.REVOKE_KEYS))
        .distinct()
        .select_related("created_by", "withdrawn_by")
        .prefetch_related("practices")
        .order_by(F("withdrawn_at").desc(nulls_first=True), "name", "pk")
    )
