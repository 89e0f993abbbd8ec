"""Which resources meet a condition such as `identifier=system|value`: those of writing."""

from urllib.parse import parse_qsl

from reviews.errors import BadRecord
from reviews.queries import fhir_question
from reviews.queries.fhir_search import Search
from reviews.queries.fhir_source import Kind

FORM = ("_format", "_pretty", "_summary", "_elements")
"""What any request may say of the form of its answer: no condition."""


def names_something(query: str) -> bool:
    """Whether a condition names a parameter by which resources are found."""
    return bool(_asked(query))


def matching(search: Search, kind: Kind, query: str) -> list[str]:
    """The ids of those that meet a condition, at most two of them.

    Raises `BadRecord` for one that names no parameter, or one that the type does not have.
    """
    asked = _asked(query)
    if not asked:
        raise BadRecord("search", "names no parameter")
    question = fhir_question.read(
        kind, [*asked, ("_count", "2")], kinds=search.kinds, base=search.base, strict=True
    )
    if len(question.conditions) < len(asked):
        # An order, for instance. Everything would meet it.
        raise BadRecord("search", "takes only parameters by which resources are found")
    return [one.id for one in search.find(question).matches]


def _asked(query: str) -> list[tuple[str, str]]:
    asked = parse_qsl(query, keep_blank_values=True)
    return [(name, value) for name, value in asked if name not in FORM]
