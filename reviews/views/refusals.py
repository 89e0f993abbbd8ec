"""What a verb refuses is shown where it was typed, and nothing typed is lost.

A page with a form keeps a refusal at the field that it names (`refusals_at`); any other page is
shown again with it (`shows_refusals`). A refusal that nobody names here becomes a page of its own
in `portal.errors`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reviews.errors import BadRecord, DomainError
from reviews.forms.refusals import refuse
from reviews.tapering.doses import Unplannable

View = Callable[..., HttpResponse]


@contextmanager
def refusals_at(form: Form) -> Iterator[None]:
    """Keep a record or plan that is refused at the field of `form` that the refusal names."""
    try:
        yield
    except BadRecord as refusal:
        refuse(form, refusal)
    except Unplannable as refusal:
        refuse(form, BadRecord(refusal.field, refusal.reason))


def form_page(request: HttpRequest, template: str, form: Form, context: dict) -> HttpResponse:
    """The page of a form: as it was asked for, or, once something was sent, with what is wrong."""
    status = 422 if request.method == "POST" else 200
    return render(request, template, {**context, "form": form}, status=status)


def shows_refusals(again: View, *kinds: type[DomainError]) -> Callable[[View], View]:
    """Answer a view's refusals of these kinds by `again(request, refusal, ...)`.

    `again` is given what the address gave the view.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, **address: Any) -> HttpResponse:
            try:
                return view(request, **address)
            except kinds as refusal:
                return again(request, refusal, **address)

        return answered

    return decorate
