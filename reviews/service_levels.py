"""How soon a case is to be answered, and for how long a decision holds.

Local policy: the periods follow the urgency tiers of the rule catalogue and are not guideline
values. Working days are Monday to Friday; public holidays are not known to the portal.
"""

from datetime import datetime, timedelta

from reviews.rules.finding import Severity

ANSWER_HOURS = {Severity.S1: 24}
ANSWER_WORKING_DAYS = {Severity.S2: 10, Severity.S3: 20}
SNOOZE_DAYS = {Severity.S1: 7, Severity.S2: 90, Severity.S3: 180}
SETTLED_DAYS = {Severity.S1: 28, Severity.S2: 90, Severity.S3: 180}


def due(severity, opened_at: datetime) -> datetime:
    """When a case of this severity, opened then, is to be answered."""
    if severity in ANSWER_HOURS:
        return opened_at + timedelta(hours=ANSWER_HOURS[severity])
    left = ANSWER_WORKING_DAYS[severity]
    day = opened_at
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
