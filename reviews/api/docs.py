"""The description of the API as a page to read: no script, and nothing from outside."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reviews.api.described import described


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "api/docs.html", {"api": described()})
