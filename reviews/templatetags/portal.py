"""Small marks that every page shares: severity, days, ages, how soon, how long exposed."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.contrib.auth.models import User
from django.contrib.messages.storage.base import Message
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from reviews import profiles, service_levels
from reviews.errors import BadRecord, DomainError
from reviews.forms import toast
from reviews.models import Case, Patient, named
from reviews.rules.codes import PROFILE_NAMES
from reviews.tapering import doses

PICTURES = {
    Decimal(1): ("tablet-whole", 24),
    doses.HALF: ("tablet-half", 14),
    doses.QUARTER: ("tablet-quarter", 14),
    "tablet": ("tablet-plain", 24),
    "capsule": ("capsule", 24),
    "film": ("film", 24),
}
"""The symbol of a piece, and its width where 24 is the height (`tapers/_symbols.html`)."""
MOST_PICTURES = 4
FIELD_NAMES = {
    "agreement": "Why you agree",
    "budget_source": "Who says so",
    "days": "For how many days",
    "most_cases": "Open cases, at most",
    "most_urgent": "Urgent cases, at most",
    "reason": "Why",
}
"""What pages that show a refusal above their form call a field, where that is no name of ours."""

register = template.Library()

SEVERITY = {1: "S1 Urgent", 2: "S2 Review", 3: "S3 Note", 4: "S4 Info"}
GAUGE_DAYS, GAUGE_WIDTH = 180, 176


@register.simple_tag
def severity(level: int | str) -> str:
    """Shape, words and colour of a severity."""
    level = int(level)
    return format_html('<span class="severity s{}"><span>{}</span></span>', level, SEVERITY[level])


@register.filter(name="named")
def name_of(user: User | None) -> str:
    """The name that others read of somebody; nobody is the portal itself."""
    return named(user)


@register.filter
def refused(refusal: DomainError) -> str:
    """What is wrong, and in which field as the page calls it."""
    if not isinstance(refusal, BadRecord) or not refusal.field:
        return refusal.message
    name = FIELD_NAMES.get(refusal.field) or refusal.field.replace("_", " ").capitalize()
    return f"{name}: {refusal.reason}"


@register.filter
def profile_name(code: str) -> str:
    """The name of a profile: United Kingdom. Its code where the live rule book does not hold it."""
    if code in PROFILE_NAMES:
        return PROFILE_NAMES[code]
    return dict(profiles.choices()).get(code, code) if code else ""


@register.filter
def day(value: date | str | None) -> str:
    """A day with the month in words: 4 Dec 2026. Nothing for a day that is not known."""
    if isinstance(value, str):
        value = date.fromisoformat(value)
    return f"{value:%-d %b %Y}" if value else ""


@register.filter
def moment(value: datetime | None) -> str:
    """A time in words: 4 Dec 2026, 16:20."""
    return f"{timezone.localtime(value):%-d %b %Y, %H:%M}" if value else ""


@register.filter
def by_engine(name: str | None) -> str:
    """The code that judged: by engine 3f2a91c0. Old findings say that they do not know."""
    return f"by engine {name}" if name else "before engines were recorded"


@register.filter
def lasting(seconds: float | None) -> str:
    """How long something takes or took: 4 s, 12 min, 2 h 5 min. Nothing where it is not known."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@register.filter
def number(value: Decimal | float | str | None) -> str:
    """A number without needless noughts: 7.5 and not 7.5000; words and the unknown as they are."""
    if value is None or isinstance(value, str):
        return value or "not known"
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


@register.filter
def counted(unit: str, value: float | str | None) -> str:
    """The unit as it goes with the number: 1 day, 2 days."""
    return (
        {"days": "day", "years": "year", "minutes": "minute"}.get(unit, unit)
        if value == 1
        else unit
    )


@register.filter
def age(patient: Patient) -> str:
    """Completed years today."""
    years = patient.age_on(timezone.localdate())
    return "age not known" if years is None else str(years)


@register.simple_tag
def due(case: Case) -> str:
    """How soon a case is to be answered; overdue is ink on both sides."""
    now = timezone.localtime()
    when = timezone.localtime(case.due_at)
    days = (when.date() - now.date()).days
    if when < now:
        late = f"{-days} d" if days else f"{max(1, int((now - when).total_seconds() // 3600))} h"
        return format_html(
            '<p class="due overdue">Overdue {}</p><p class="meta">{}</p>', late, f"{when:%a %-d %b}"
        )
    if days < 2:
        return format_html(
            '<p class="due">{}</p><p class="meta">{}</p>',
            "Tomorrow" if days else "Today",
            f"{when:%H:%M}",
        )
    left = service_levels.working_days(now.date(), when.date())
    return format_html(
        '<p class="due">{}</p><p class="meta">{} working day{}</p>',
        f"{when:%a %-d %b}",
        left,
        "" if left == 1 else "s",
    )


@register.inclusion_tag("reviews/_gauge.html")
def gauge(exposure: dict[str, Any] | None) -> dict[str, Any]:
    """Days of exposure on a scale of 0 to 180, marked at day 28 and day 120; hatched: not known.

    `days` runs to the end of the supply in hand; what is still ahead of today is drawn open.
    """
    if not exposure:
        return {"exposure": None}
    scale = GAUGE_WIDTH / GAUGE_DAYS
    total = exposure["days"] or 0
    ends = date.fromisoformat(exposure["end_on"]) if exposure["end_on"] else None
    ahead = max(0, (ends - timezone.localdate()).days) if ends else 0
    taken = max(0, total - ahead)
    shown = min(taken, GAUGE_DAYS)
    bounds = [(0, 28), (28, 120), (120, GAUGE_DAYS)]
    parts = [
        {
            "kind": kind,
            "x": round(low * scale, 1),
            "width": round((min(shown, high) - low) * scale, 1),
        }
        for kind, (low, high) in zip(("early", "past", "beyond"), bounds, strict=True)
        if shown > low
    ]
    return {
        "exposure": exposure,
        "parts": parts,
        "ahead": {
            "x": round(shown * scale, 1),
            "width": round((min(total, GAUGE_DAYS) - shown) * scale, 1),
        },
        "marks": [round(28 * scale, 1), round(120 * scale, 1)],
        "width": GAUGE_WIDTH,
        "taken": taken,
        "total": total,
        "over": ends is not None and ends < timezone.localdate(),
        "drugs": " + ".join(exposure["drugs"]),
    }


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> str:
    """The page's own query string with some values changed; None takes one away."""
    params = context["request"].GET.copy()
    params.pop("page", None)
    for name, value in changes.items():
        if value is None:
            params.pop(name, None)
        else:
            params[name] = value
    encoded = params.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.simple_tag
def undo_of(message: Message) -> toast.Undo | None:
    """What a message can take back: the decisions it is about; None for any other message."""
    return toast.read(message.extra_tags)


@register.filter
def working_state(value: object) -> str:
    """A time as today's hour, or as a day."""
    if not isinstance(value, datetime):
        return ""
    local = timezone.localtime(value)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%-d %b %Y, %H:%M}"


@register.filter
def of(mapping: Mapping[str, str], key: str) -> str:
    """What a mapping holds for a key that is itself a value; the key where it holds nothing."""
    return mapping.get(key, key)


@register.filter
def before_colon(text: str) -> str:
    """The place in a source, without what it says there: that stands on the page of the rule."""
    return text.partition(":")[0]


@register.filter
def starred(text: str) -> str:
    """A text in which *stars* mark what is bold."""
    parts = ((part, n % 2) for n, part in enumerate((text or "").split("*")))
    return format_html_join(
        "", "{}", ((format_html("<b>{}</b>", part) if bold else part,) for part, bold in parts)
    )


@register.filter
def after_colon(text: str) -> str:
    """What is said at a place, without the place."""
    return text.partition(": ")[2] or text


@register.filter
def made(parts: tuple[doses.Part, ...]) -> str:
    """What a dose is made up from: 2½ × 5 mg + ½ × 2 mg."""
    return doses.short(parts)


@register.simple_tag
def pieces(parts: tuple[doses.Part, ...]) -> str:
    """Tablets as pictures: whole, half and quarter ones, for eyes alone; the words stand beside.

    None for a liquid, and none for more than can be told apart at a glance.
    """
    glyphs = [
        (PICTURES[piece] if part.strength.divided else PICTURES[part.strength.form])
        for part in parts
        for piece in part.pieces
    ]
    if not 0 < len(glyphs) <= MOST_PICTURES:
        return ""
    x, uses = 0, []
    for symbol, width in glyphs:
        uses.append((symbol, x, width))
        x += width + 3
    return format_html(
        '<svg class="pieces" viewBox="0 0 {} 24" aria-hidden="true">{}</svg>',
        x,
        format_html_join("", '<use href="#{}" x="{}" width="{}" height="24"/>', uses),
    )
