"""The API is closed until a view says who may come in."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Closed(BasePermission):
    """Refuses everybody: the default, so that a view without its own rule is shut, not open."""

    # The library lets everybody in, and its signature says no more than that.
    def has_permission(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request: Request, view: object
    ) -> bool:
        return False
