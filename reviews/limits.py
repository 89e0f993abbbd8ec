"""How often one caller may ask, told in the answer as RateLimit and RateLimit-Policy fields."""

import math
import time
from collections.abc import Iterable

from django.core.cache import cache
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

WINDOW_SECONDS = 60


class PerCaller(BaseThrottle):
    """A number of requests a minute for each user. A cache that is down limits nobody."""

    name: str
    quota: int

    def allow_request(self, request: Request, view: APIView) -> bool:
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        self.seconds_left = math.ceil((window + 1) * WINDOW_SECONDS - now)
        key = f"limit:{self.name}:{self.caller(request)}:{window}"
        try:
            used = cache.incr(key)
        except ValueError:
            used = self._first(key)
        self.left = max(0, self.quota - used)
        return used <= self.quota

    @staticmethod
    def _first(key: str) -> int:
        """Begin to count; of two who do so at once, the other is the second."""
        if cache.add(key, 1, 2 * WINDOW_SECONDS):
            return 1
        try:
            return cache.incr(key)
        except ValueError:  # evicted between the two calls
            return 1

    def caller(self, request: Request) -> str:
        """Who is counted: the user, or where nobody is known yet the address they come from."""
        return str(request.user.pk) if request.user else f"at-{self.get_ident(request)}"

    def wait(  # pyright: ignore[reportIncompatibleMethodOverride] - the base does not know
        self,
    ) -> int:
        return self.seconds_left

    def fields(self) -> dict[str, str]:
        """The header fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.name}";r={self.left};t={self.seconds_left}',
        }


class Reads(PerCaller):
    name = "read"
    quota = 600


class Syncs(PerCaller):
    name = "sync"
    quota = 60


class Writes(PerCaller):
    name = "write"
    quota = 120


def tell(response: HttpResponseBase, throttles: Iterable[object]) -> None:
    """Say in an answer what is left of each limit that was asked."""
    for throttle in throttles:
        if isinstance(throttle, PerCaller) and hasattr(throttle, "left"):
            for name, value in throttle.fields().items():
                response[name] = value


class Tokens(PerCaller):
    """Of tokens: by address, since nobody is known before."""

    name = "token"
    quota = 120


class Hooks(PerCaller):
    """Of hooks, which a record system calls for each thing that each of its users does."""

    name = "hook"
    quota = 12_000
