"""Birth dates that nobody can have are not known."""

from datetime import date

_PLACEHOLDERS = frozenset(
    {
        *(date(1900, 1, 1), date(1901, 1, 1), date(1800, 1, 1), date(1850, 1, 1)),
        *(date(1899, 12, 30), date(1899, 12, 31), date(1753, 1, 1), date(1, 1, 1)),
        *(date(1600, 1, 1), date(1601, 1, 1), date(1582, 10, 15), date(9999, 12, 31)),
    }
)
"""Days that databases and forms write for a birth date that nobody knows."""
OLDEST = 120
"""Years. Nobody in a practice's care is older; one person ever is known to have been."""


def possible_birth_date(day: date | None, *, today: date) -> date | None:
    """A birth date that somebody can have; None for a placeholder, the future, and over 120."""
    if day is None or day in _PLACEHOLDERS or day > today:
        return None
    age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    return day if age <= OLDEST else None


def nobodys(day: date) -> str:
    """What is noted of somebody whose birth date, as it was sent, nobody can have."""
    return f"birth_date {day} can be nobody’s: left as not known"
