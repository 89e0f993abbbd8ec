"""How connected systems do: who calls, what was refused and why, and trying what a system sees."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, resolve
from django.utils import timezone
from django.views.decorators.http import require_GET

from reviews import access
from reviews.access import Action
from reviews.forms.numbers import whole
from reviews.models import Client, Webhook
from reviews.queries import integrations as asked
from reviews.queries import webhooks
from reviews.queries.integrations import System
from reviews.verbs import jobs
from reviews.views.signed_in import SignedIn

DISCOVERED = (
    ("/fhir/metadata", "FHIR: what this server can do"),
    ("/fhir/.well-known/smart-configuration", "SMART: how a token is asked for"),
    ("/cds-services", "CDS Hooks: which services there are"),
)
SHOWN_LETTERS = 4_000
"""Of an answer; the capability statement is longer than anybody reads here."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Answer(NamedTuple):
    """What a system is told at an address: status, length in bytes, and the text as it begins."""

    address: str
    words: str
    status: int
    size: int
    text: str
    rest: int


@require_GET
@login_required
def integrations(request: SignedIn) -> HttpResponse:
    """The page. `try` in the address adds what a system would see, or whether it gets a token."""
    user = request.user
    access.require(user, Action.SEE_INTEGRATIONS)
    found = asked.systems(user)
    receivers = list(webhooks.visible_to(user))
    failed = list(asked.failed_jobs(found))
    for job in failed:
        job.may_ask_again = jobs.may_ask_again(job, user)
    context = {
        "heading": _heading(found, receivers, len(failed)),
        "systems": found,
        "kinds": asked.kinds(user, found),
        "hidden": asked.hidden(user, found),
        "notes": asked.notes(user),
        "waiting": asked.waiting(user),
        "may_identify": access.allowed(user, Action.IDENTIFY),
        "receivers": receivers,
        "deliveries": list(asked.deliveries(receivers)),
        "failed": failed,
        "unmapped": asked.unmapped(user),
        "clients": [each.row for each in found if isinstance(each.row, Client)],
        **_tried(request),
    }
    return render(request, "reviews/integrations/integrations.html", context)


def _heading(found: Sequence[System], receivers: Sequence[Webhook], failed: int) -> str:
    """The conclusion, in two parts at most: what is silent comes before what was refused."""
    if not found and not receivers:
        return "No system is connected"
    said = [_silent(found)] if any(each.silent for each in found) else []
    down = [each for each in receivers if each.failures or each.disabled_at]
    if down:
        is_down = "receiver is" if len(down) == 1 else "receivers are"
        said.append(f"{_number(len(down))} {is_down} not told")
    if failed:
        said.append(f"{_number(failed)} job{'' if failed == 1 else 's'} failed")
    if refused := sum(each.refused[0] for each in found):
        said.append(f"{_number(refused)} refusal{'' if refused == 1 else 's'} in 24 hours")
    if given_up := sum(getattr(each, "given_up", 0) for each in receivers):
        said.append(f"{_number(given_up)} event{'' if given_up == 1 else 's'} given up")
    text = "; ".join(said[:2]) or "Nothing is silent, and nothing was refused in 24 hours"
    return text[:1].upper() + text[1:]


def _silent(found: Sequence[System]) -> str:
    silent = [each for each in found if each.silent]
    if len(silent) > 1:
        return f"{_number(len(silent))} of {_number(len(found))} systems have gone silent"
    many = f" of {_number(len(found))} systems" if len(found) > 1 else " system"
    return f"one{many} has not called since {_since(silent[0].last_seen)}"


def _since(at: datetime | None) -> str:
    """A day of this week by its name, else by its date."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    days = (timezone.localdate() - local.date()).days
    return f"{local:%A}" if 1 < days < 7 else "yesterday" if days == 1 else f"{local:%-d %b %Y}"


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def _tried(request: SignedIn) -> dict[str, Any]:
    """What was tried, if anything: for `discover` the answers, for `token` the steps."""
    what = request.GET.get("try", "")
    if what == "discover":
        return {"tried": what, "answers": [_answer(request, *each) for each in DISCOVERED]}
    pk = whole(request.GET.get("system", ""))
    if what != "token" or pk is None:
        return {}
    clients = asked.clients(request.user).select_related("user", "fetchedkeys")
    client = clients.filter(pk=pk).first()
    if client is None:
        return {}
    steps = asked.token(client)
    return {
        "tried": what,
        "client": client,
        "steps": steps,
        "would": _would([step.met for step in steps]),
        "last_token": asked.last_token(client),
        "last_refusal": asked.last_refusal(request.user, client),
    }


def _would(met: list[bool | None]) -> str:
    """What the heading says of a token."""
    if False in met:
        return "would get no token"
    return "may get a token: its keys are not known yet" if None in met else "would get a token"


def _answer(request: SignedIn, address: str, words: str) -> Answer:
    """What anybody who asks at an address is told, by the same code, without a call over the net.

    All three are told to whoever asks, so nobody is signed in there.
    """
    inner = HttpRequest()
    inner.method, inner.path, inner.path_info = "GET", address, address
    kept = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "wsgi.url_scheme")
    inner.META = {name: request.META[name] for name in kept if name in request.META}
    inner.META["HTTP_ACCEPT"] = "application/json"
    scheme = request.scheme or "http"
    inner._get_scheme = lambda: scheme  # pyright: ignore[reportAttributeAccessIssue]
    match = resolve(address)
    response = match.func(inner, *match.args, **match.kwargs)
    content: bytes = response.content
    text = json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    rest = max(0, len(text) - SHOWN_LETTERS)
    return Answer(address, words, response.status_code, len(content), text[:SHOWN_LETTERS], rest)


urlpatterns = [path("integrations", integrations, name="integrations")]
