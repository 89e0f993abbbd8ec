"""The rule catalogue as plain data, for the catalogue page, the command and the export."""

from reviews.rules.equivalents import TABLES
from reviews.rules.parameters import EXPOSURE, KINDS, SHARED, Parameter
from reviews.rules.registry import LEFT_OUT, PARAMETERS, RULES
from reviews.rules.sources import SOURCES, country_of

_PARAMETERS: dict[str, dict[str, Parameter]] = {
    rule_id: {each.name: each for each in parameters}
    for rule_id, parameters in [(EXPOSURE, SHARED), *((rule.id, rule.parameters) for rule in RULES)]
}


def _citation(key: str) -> dict:
    citation = SOURCES[key]
    return {
        "key": key,
        "title": citation.title,
        "issuer": citation.issuer,
        "country": country_of(citation.issuer),
        "year": citation.year,
        "locator": citation.locator,
        "reviewed": citation.reviewed.isoformat(),
        "next_review": citation.next_review.isoformat(),
        "verified": citation.verified,
        "note": citation.note,
    }


def catalogue() -> list[dict]:
    """Every rule, by id: trigger, severity, mode, parameters by profile, sources with dates.

    `severity` and `mode` are sentences; `severities`, `interrupts` and `judges_data` are what they
    come to, as data.
    """
    return [
        {
            "id": rule.id,
            "family": rule.family,
            "title": rule.title,
            "theme": rule.theme,
            "trigger": rule.trigger,
            "severity": rule.severity.words,
            "severities": list(rule.severity.severities),
            "mode": rule.shown.words,
            "interrupts": rule.shown.interrupts,
            "judges_data": rule.judges_data,
            "parameters": rule.limits,
            "sources": [_citation(key) for key in rule.sources],
            "verified": all(SOURCES[key].verified for key in rule.sources),
        }
        for rule in sorted(RULES)
    ]


def default_rules_section() -> dict:
    """The `rules` section of a book's JSON, as this edition of the code proposes it."""
    return {rule: {p: dict(limits) for p, limits in by.items()} for rule, by in PARAMETERS.items()}


def default_citations_section() -> dict:
    """The `citations` section of a book's JSON."""
    return {rule.id: [_citation(key) for key in rule.sources] for rule in RULES}


def left_out() -> dict[str, str]:
    """Ids of the clinical catalogue that are no rule of their own, with the reason."""
    return dict(sorted(LEFT_OUT.items()))


def labelled(rule_id: str, name: str, value: float | str | None = None) -> dict:
    """`{label, unit, value}` of a rule's parameter; a name of an old book as it is written."""
    known = _PARAMETERS.get(rule_id, {}).get(name)
    if known is None:
        unit = next((kind.unit for kind in KINDS if name.endswith(f"_{kind.ending}")), "")
        return {"label": name.replace("_", " ").capitalize(), "unit": unit, "value": value}
    if known.kind.yes_no and value is not None:
        value = "yes" if value else "no"
    elif isinstance(value, str):
        value = TABLES.get(value, value)
    return {"label": known.label, "unit": known.kind.unit, "value": value}
