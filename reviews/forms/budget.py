"""A burden budget as it is typed, by whoever freezes a draft and by whoever lets it judge."""

from decimal import Decimal, InvalidOperation

from django.http import QueryDict

from reviews.guarding import Budget

FIELDS = ("most_cases", "most_urgent", "budget_source")


def typed(post: QueryDict) -> Budget:
    """What was typed, unchecked; None where it is no number."""
    cases, urgent, source = (post.get(field, "").strip() for field in FIELDS)
    return Budget(_decimal(cases), _decimal(urgent), source)


def is_stated(post: QueryDict) -> bool:
    """Whether anything of a budget was typed."""
    return any(post.get(field, "").strip() for field in FIELDS)


def _decimal(text: str) -> Decimal | None:
    """A number as people type it, also with a decimal comma; None for what is none."""
    try:
        return Decimal(text.replace(",", ".")) if len(text) <= 10 else None
    except InvalidOperation:
        return None
