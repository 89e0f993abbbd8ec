"""A stroke at the end of an address where FHIR is spoken says nothing."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.errors import speaks_fhir


class LastStrokeMiddleware:
    """Some clients put the base together with a stroke: `/fhir/` and `/fhir/Patient/` are met.

    Only what is looked up changes: whoever signed the address that they called signed that one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if speaks_fhir(request):
            request.path_info = request.path_info.removesuffix("/")
        return self.get_response(request)
