"""The schema as a page to read and try: no inline script, nothing from outside."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
@csp_update({"img-src": [SELF, "data:"]})  # the icons of Swagger UI's style sheet
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html")
