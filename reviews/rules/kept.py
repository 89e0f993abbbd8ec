"""Values worked out when first asked for, and kept."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class kept(Generic[Value]):
    """A property worked out once, as `functools.cached_property`, which in Python 3.11 locks."""

    def __init__(self, work: Callable[[Any], Value]):
        self.work = work
        self.__doc__ = work.__doc__

    def __get__(self, instance, owner=None) -> Value:
        found = self.work(instance)
        setattr(instance, self.work.__name__, found)  # and is never asked for this again
        return found
