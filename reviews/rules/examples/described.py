"""A record in plain words: who, what, since when. Days are told from the day judged."""

from itertools import pairwise

from reviews.rules import words
from reviews.rules.codes import ACQUIRED, CHANGES, REPLACEMENTS, TAPER_STATES
from reviews.rules.dossier import Dossier, Line
from reviews.rules.exemptions import KINDS as EXEMPTIONS
from reviews.rules.indications import in_words
from reviews.rules.readings import DATE, NUMBER
from reviews.rules.readings import KINDS as READINGS

TIMES = {1: "", 2: "twice "}
LONG_LIST = 4


def described(dossier: Dossier) -> list[str]:
    """Sentences on the person, the medicines and whatever else is on record."""
    today = dossier.as_of
    said = [_who(dossier)]
    alike: dict[tuple, list[Line]] = {}
    for line in dossier.lines:
        alike.setdefault(_alike(line), []).append(line)
    said += [_medicine(lines, today) for lines in alike.values()]
    said += [_condition(condition, today) for condition in dossier.conditions]
    said += [_reading(reading, today) for reading in dossier.readings]
    said += [_exemption(exemption, today) for exemption in dossier.exemptions]
    said += [_taper(taper, today) for taper in dossier.tapers]
    return [f"{words.sentence_case(text)}." for text in said]


def when(day, today) -> str:
    """ "today", "28 days ago", "in 3 days"."""
    days = (day - today).days
    if not days:
        return "today"
    return f"in {words.days(days)}" if days > 0 else f"{words.days(-days)} ago"


def _from(day, today):
    said = when(day, today)
    return said if day > today else f"from {said}"


def _who(dossier):
    died = ""
    if dossier.deceased_on is not None:
        day = when(dossier.deceased_on, dossier.as_of)
        died = f", who died {day}" if dossier.has_died else f", whose death is dated {day}"
    return f"{_aged(dossier)}{died}"


def _aged(dossier):
    birth, today = dossier.birth_date, dossier.as_of
    if birth is None:
        return "no birth date recorded"
    years = today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
    sex = {"female": "a woman of", "male": "a man of"}.get(dossier.sex, "aged")
    return f"{sex} {years}"


def _alike(line: Line):
    """Supplies are told together when they differ in their days alone."""
    same = line._replace(id=0, start_on=None, written_on=None, quantity=None, days_supply=None)
    return same, _apart(line)


def _apart(line):
    """Days from the date written to the start, where they differ."""
    if line.start_on is None or line.written_on is None:
        return 0
    return (line.start_on - line.written_on).days


def _medicine(lines, today):
    lines.sort(key=lambda line: (line.start_on or today, line.id))
    line = lines[0]
    parts = [line.medicine.text, _dose(line), _indication(line), *_more(line, today)]
    return f"{', '.join(filter(None, parts))}: {_supplies(lines, today)}"


def _indication(line):
    if line.indication == "unknown":
        return "indication not known"
    if line.indication == "other":
        return ""
    return f"for {in_words(line.indication).removeprefix('severe or disabling ')}"


def _dose(line):
    if line.schedule:
        return ", then ".join(
            f"{words.amount(amount)} {line.dose_unit} a day for {words.days(days)}"
            for amount, days in line.schedule
        )
    if line.dose is None:
        return "no dose recorded"
    amount = words.amount(line.dose)
    if line.dose_max is not None:
        amount += f" to {words.amount(line.dose_max)}"
    if line.dose_unit == "mg":
        amount += " mg"
    if line.as_needed:
        return f"{amount} as needed"
    if line.times_per_day < 1:
        return f"{amount} every {words.days(round(1 / line.times_per_day))}"
    times = TIMES.get(line.times_per_day, f"{words.amount(line.times_per_day)} times ")
    return f"{amount} {times}a day"


def _more(line, today):
    """What else is said of a prescription, where it is not the usual."""
    if line.setting != "community":
        yield {"inpatient": "in hospital", "procedural": "for a procedure"}.get(
            line.setting, line.setting
        )
    if line.route:
        yield f"{line.route} route"
    if line.start_minute is not None:
        yield f"given at {line.start_minute // 60:02d}:{line.start_minute % 60:02d}"
    yield from _how_supplied(line)
    if line.is_new_start:
        yield "recorded as a new start"
    if line.acquired != "nhs":
        yield f"{ACQUIRED[line.acquired].lower()} source"
    if line.replacement_reason:
        yield f"a replacement ({REPLACEMENTS[line.replacement_reason].lower()})"
    if line.change_reason:
        yield CHANGES[line.change_reason].lower()
    if line.refill_number is not None:
        yield f"refill {line.refill_number}"
    if line.team:
        yield f"from team {line.team}"
    if apart := _apart(line):
        handed = "handed out" if line.dispensed_on else "begun"
        yield f"{handed} {words.days(apart)} after the date written"
    if line.status == "stopped":
        yield "set to ended by the prescriber"
    if line.end_on is not None:
        yield f"last day {when(line.end_on, today)}"


def _how_supplied(line):
    if line.dosage_text:
        yield f"“{line.dosage_text}”"
    if line.source != "written":
        yield {"dispensed": "handed out"}.get(line.source, line.source)
    if line.repeat_template:
        yield "on repeat"
    if line.repeats_allowed:
        yield f"{line.repeats_allowed} repeats allowed"


def _supplies(lines, today):
    line, starts = lines[0], [line.start_on for line in lines]
    if starts[0] is None:
        return "no start date recorded"
    if len(lines) == 1:
        return f"{_length(line)}, {_from(starts[0], today)}"
    total = words.days(sum(line.days_supply for line in lines))
    in_supplies = f"{total} in {len(lines)} supplies"
    if all(
        (after.start_on - before.start_on).days == before.days_supply
        for before, after in pairwise(lines)
    ):
        return f"{in_supplies} without a gap, the first {when(starts[0], today)}"
    if len(lines) > LONG_LIST:
        first, last = when(starts[0], today), when(starts[-1], today)
        return f"{in_supplies}, the first {first}, the last {last}"
    return words.listed(
        f"{words.days(each.days_supply)} {_from(each.start_on, today)}" for each in lines
    )


def _length(line):
    if line.days_supply is not None:
        return words.days(line.days_supply)
    if line.quantity is not None:
        unit = "" if line.quantity_unit else ", without a unit"
        return f"a quantity of {words.amount(line.quantity)}{unit}"
    if line.quantity_text:
        return f"a supply of “{line.quantity_text}”"
    return "no quantity and no days' supply recorded"


def _condition(condition, today):
    known = condition.text or ", ".join(code for _, code in condition.codings)
    if condition.kind == "allergy":
        known = f"allergy to {known}"
    if condition.onset_on is not None:
        known += f", {when(condition.onset_on, today)}"
    if condition.ended_on is not None:
        known += f", over {when(condition.ended_on, today)}"
    return known


def _reading(reading, today):
    kind = READINGS[reading.kind]
    if kind.shape == NUMBER:
        answer = f"{words.amount(reading.value)} {kind.unit}"
    elif kind.shape == DATE:
        answer = when(today.fromisoformat(reading.text), today)
    else:
        answer = words.listed(kind.choices[code].lower() for code in reading.text.split())
    return f"{kind.label}: {answer}, recorded {when(reading.on, today)}"


def _exemption(exemption, today):
    label = EXEMPTIONS[exemption.kind].split(" ", 1)[1]
    ends = when(exemption.expires_on, today)
    return f"exemption “{label}”, last day {ends}"


def _taper(taper, today):
    steps = ", ".join(
        f"{words.amount(step.mg_per_day)} mg {_from(step.on, today)}" for step in taper.steps
    )
    contact = (
        ""
        if taper.last_contact_on is None
        else f"; last contact {when(taper.last_contact_on, today)}"
    )
    agreed = "; a lower dose agreed" if taper.maintenance_agreed else ""
    state = TAPER_STATES[taper.status].lower()
    return f"taper of {taper.drug}, {state}: {steps}{contact}{agreed}"
