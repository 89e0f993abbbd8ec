"""The API is closed until a view says who may come in."""

from rest_framework.permissions import BasePermission


class Closed(BasePermission):
    """Refuses everybody: the default, so that a view without its own rule is shut, not open."""

    def has_permission(self, request, view):
        return False
