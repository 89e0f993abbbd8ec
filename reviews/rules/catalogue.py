"""The rule catalogue as plain data, for the catalogue page, the command and the export."""

from reviews.rules.parameters import PARAMETERS, default_rules_section
from reviews.rules.registry import LEFT_OUT, RULES
from reviews.rules.sources import SOURCES

__all__ = ["catalogue", "default_citations_section", "default_rules_section", "left_out"]


def _citation(key: str) -> dict:
    citation = SOURCES[key]
    return {
        "key": key,
        "title": citation.title,
        "issuer": citation.issuer,
        "year": citation.year,
        "locator": citation.locator,
        "reviewed": citation.reviewed.isoformat(),
        "next_review": citation.next_review.isoformat(),
        "verified": citation.verified,
        "note": citation.note,
    }


def catalogue() -> list[dict]:
    """Every rule, by id: trigger, severity, mode, parameters by profile, sources with dates."""
    return [
        {
            "id": rule.id,
            "family": rule.family,
            "title": rule.title,
            "theme": rule.theme,
            "trigger": rule.trigger,
            "severity": rule.severity,
            "mode": rule.mode,
            "parameters": {
                profile: dict(limits) for profile, limits in PARAMETERS[rule.id].items()
            },
            "sources": [_citation(key) for key in rule.sources],
            "verified": all(SOURCES[key].verified for key in rule.sources),
        }
        for rule in sorted(RULES)
    ]


def default_citations_section() -> dict:
    """The `citations` section of a book's JSON."""
    return {rule.id: [_citation(key) for key in rule.sources] for rule in RULES}


def left_out() -> dict[str, str]:
    """Ids of the clinical catalogue that are no rule of their own, with the reason."""
    return dict(sorted(LEFT_OUT.items()))
