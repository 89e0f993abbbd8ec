"""MedicationRequest, -Dispense, -Statement and -Administration as prescriptions."""

from typing import Any

from msgspec import structs

from reviews.fhir.read import people, products, resources, words
from reviews.fhir.read.dosage import rate_in_words, read_dosage
from reviews.fhir.read.file import File
from reviews.fhir.read.products import OfAMedicine

# An intent that is not yet an order: kept, so that it is seen, but as a draft nobody takes.
NOT_ORDERED = ("proposal", "plan", "option")
NEVER = ("cancelled", "entered-in-error", "stopped")
# What a dispensing takes over from the prescription that authorised it.
OF_THE_ORDER = ("prescriber", "team", "written_on", "indication", "setting", "change_reason")
# What became of a dispensing, as the status of the order that it is kept as.
DISPENSED = {
    "completed": "completed",
    "stopped": "stopped",
    "unknown": "unknown",
    "entered-in-error": "entered-in-error",
    "cancelled": "cancelled",
    "declined": "cancelled",
}


def order(file: File, name: str, request: resources.MedicationRequest) -> None:
    if request.doNotPerform:
        file.note(name, "says that the medicine is not to be given: it is no prescription")
        return
    record = _medicine(file, name, request, request.status)
    if request.intent is None:
        file.note(name, "has no intent that is known: kept as an order")
    record["status_reason"] = file.cut(name, request.statusReason.words, 500)
    record["prescriber"] = file.cut(name, _requester(file, request.requester), 200)
    if request.intent in NOT_ORDERED and request.status not in NEVER:
        record["status"] = "draft"
        file.note(name, f"is a {request.intent}, not an order: kept as a draft")
    file.put_day(name, record, "written_on", request.authoredOn)
    _reason(file, name, record, request)
    for category in request.category:
        for coding in category.coding:
            if setting := words.SETTINGS.get(coding.code):
                record["setting"] = setting
    _course(file, name, record, request.courseOfTherapyType)
    if reason := words.change_reason(request.statusReason):
        record["change_reason"] = reason
    for field_name, named in (
        ("team", _team(file, request.requester)),
        ("pharmacy", _named(file, request.dispenseRequest.performer)),
    ):
        if named:
            record[field_name] = file.cut(name, named, 200)
    supply = request.dispenseRequest
    supply = structs.replace(supply, quantity=products.packed(file, request, supply.quantity))
    notes = read_dosage(record, request.dosageInstruction, supply)
    for note in notes:
        file.note(name, note)
    _extend(file, name, record, request)
    file.held[name].record = record
    if "#" not in name:
        # Within a dispensing an order only says by whom and why.
        file.content.prescriptions.append((name, record))


def _course(file: File, name: str, record: dict[str, Any], course: resources.Concept) -> None:
    """Whether it goes on, by its code, else by its words."""
    codes = {coding.code for coding in course.coding}
    if codes & {*words.ON_REPEAT}:
        record["repeat_template"] = True
    elif course.words and not codes & {*words.NOT_ON_REPEAT}:
        if words.GOES_ON.search(course.words):
            record["repeat_template"] = True
        else:
            file.note(name, f"the course of therapy “{course.words}” is not understood")


def _repeats(record: dict[str, Any], said: list[resources.Extension]) -> None:
    """What a British profile says of further issues, where the supply does not say it."""
    for one in said:
        if one.url in words.ALLOWED and isinstance(one.value, int):
            record.setdefault("repeats_allowed", one.value)
        elif one.url == words.AUTHORISED_UNTIL and (until := words.day(str(one.value))):
            record.setdefault("valid_until", until.isoformat())
    if "repeats_allowed" not in record:
        record["repeat_template"] = True


def dispense(file: File, name: str, dispense: resources.MedicationDispense) -> None:
    """A supply handed out: the nearest to what was taken. It knows its order by reference."""
    text, concept = products.product(file, name, dispense)
    if dispense.status is None:
        file.note(name, "has no status that is known: kept as of unknown status")
    elif dispense.status not in DISPENSED:
        file.note(name, f"is {dispense.status}: nothing has been handed out yet")
        return
    record = {
        "source_id": name,
        "patient": file.subject(dispense.subject),
        "medicine": file.cut(name, text, 500),
        "codings": file.codings(name, concept),
        "status": DISPENSED[dispense.status or "unknown"],
        "dispensed": True,
    }
    order, ordered = _authorised(file, dispense)
    record |= {
        field_name: told for field_name, told in ordered.items() if field_name in OF_THE_ORDER
    }
    if order is None and dispense.authorizingPrescription:
        file.note(name, "its prescription is not in the bundle: why and by whom is not known")
    file.put_day(name, record, "dispensed_on", dispense.whenHandedOver)
    pharmacy = _named(file, dispense.location) or next(
        (said for one in dispense.performer if (said := _named(file, one.actor))), ""
    )
    if pharmacy:
        record["pharmacy"] = file.cut(name, pharmacy, 200)
    if any(coding.code in words.FIRST_FILL for coding in dispense.type.coding):
        record["refill_number"] = 0
    supply = resources.DispenseRequest(
        quantity=products.packed(file, dispense, dispense.quantity),
        expectedSupplyDuration=dispense.daysSupply,
    )
    instructions = dispense.dosageInstruction or (order.dosageInstruction if order else [])
    for note in read_dosage(record, instructions, supply):
        file.note(name, note)
    if "dispensed_on" in record:
        record["start_on"] = record["dispensed_on"]
        record.pop("end_on", None)
    _extend(file, name, record, dispense)
    file.content.prescriptions.append((name, record))


def _authorised(
    file: File, dispense: resources.MedicationDispense
) -> tuple[resources.MedicationRequest | None, dict[str, Any]]:
    """The order on which something was handed out, and the record made of it."""
    for reference in dispense.authorizingPrescription:
        held = file.find(reference.reference)
        if held and isinstance(held.resource, resources.MedicationRequest):
            return held.resource, held.record or {}
    return None, {}


def statement(file: File, name: str, statement: resources.MedicationStatement) -> None:
    """What somebody says is taken: evidence of use where nothing was ordered here."""
    status = resources.STATED.get(statement.status or "")
    record = _evidence(file, name, statement, "reported", status)
    if statement.taken == "n":
        record["status"] = "cancelled"
    if record["status"] == "cancelled":
        file.note(name, "says that the medicine is not taken: kept as cancelled")
    reasons = [concept.words for concept in statement.statusReason if concept.words]
    record["status_reason"] = file.cut(name, "; ".join(reasons), 500)
    file.put_day(name, record, "written_on", statement.dateAsserted)
    for note in read_dosage(record, statement.dosage, resources.DispenseRequest()):
        file.note(name, note)
    file.put_day(
        name, record, "start_on", statement.effectivePeriod.start or statement.effectiveDateTime
    )
    file.put_day(name, record, "end_on", statement.effectivePeriod.end)
    _extend(file, name, record, statement)
    file.content.prescriptions.append((name, record))


def administration(file: File, name: str, given: resources.MedicationAdministration) -> None:
    """A dose that staff gave, or what ran over a period."""
    status = resources.ADMINISTERED.get(given.status or "")
    record = _evidence(file, name, given, "given", status)
    if record["status"] == "cancelled":
        file.note(name, "says that the medicine was not given: kept as cancelled")
    for coding in given.category.coding if given.category else ():
        if setting := words.SETTINGS.get(coding.code):
            record["setting"] = setting
    said = resources.Dosage(
        text=given.dosage.text,
        route=given.dosage.route,
        doseAndRate=[resources.DoseAndRate(doseQuantity=given.dosage.dose)],
    )
    for note in read_dosage(record, [said], resources.DispenseRequest()):
        file.note(name, note)
    if given.dosage.rateQuantity or given.dosage.rateRatio:
        rate = resources.DoseAndRate(
            rateQuantity=given.dosage.rateQuantity, rateRatio=given.dosage.rateRatio
        )
        file.note(name, f"the rate of giving{rate_in_words(rate)} is left out")
    period = given.effectivePeriod
    if given.status == "in-progress" and period.start and not period.end:
        # No single dose: it runs, and until when is not known.
        record["evidence"] = "reported"
        file.note(name, "is still being given, and until when is not known")
    begun = given.effectivePeriod.start or given.effectiveDateTime
    file.put_day(name, record, "start_on", begun)
    file.put_day(name, record, "end_on", given.effectivePeriod.end)
    if at := words.time_of_day(begun):
        record["start_minute"] = at.hour * 60 + at.minute
    _extend(file, name, record, given)
    file.content.prescriptions.append((name, record))


def _evidence(
    file: File,
    name: str,
    resource: resources.MedicationStatement | resources.MedicationAdministration,
    evidence: str,
    status: str | None,
) -> dict[str, Any]:
    """What a report of use and a medicine given have in common."""
    record = _medicine(file, name, resource, status) | {"evidence": evidence}
    _reason(file, name, record, resource)
    return record


def _medicine(
    file: File,
    name: str,
    resource: resources.MedicationRequest
    | resources.MedicationStatement
    | resources.MedicationAdministration,
    status: str | None,
) -> dict[str, Any]:
    """Which medicine it is, whose, and with which status."""
    text, concept = products.product(file, name, resource)
    if status is None:
        file.note(name, "has no status that is known: kept as of unknown status")
    return {
        "source_id": name,
        "patient": file.subject(resource.subject),
        "medicine": file.cut(name, text, 500),
        "codings": file.codings(name, concept),
        "status": status or "unknown",
    }


def _reason(
    file: File,
    name: str,
    record: dict[str, Any],
    request: resources.MedicationRequest
    | resources.MedicationStatement
    | resources.MedicationAdministration,
) -> None:
    concepts = list(request.reasonCode)
    for reference in request.reasonReference:
        condition = file.resolve(reference.reference)
        if isinstance(condition, resources.Condition):
            concepts.append(condition.code)
        else:
            concepts.append(resources.Concept(text=reference.display))
    found = words.indication(concepts)
    if found:
        record["indication"] = found
    elif concepts:
        file.note(name, "the reason is not on the list of indications: left as not known")


def _extend(
    file: File,
    name: str,
    record: dict[str, Any],
    resource: OfAMedicine,
) -> None:
    """What FHIR has no element for, in the portal's own extensions; these outrank the rest."""
    for extension in resource.extension:
        if words.REPEAT_INFORMATION.search(extension.url):
            _repeats(record, extension.extension)
            continue
        field_name = extension.url.removeprefix(words.ORDER)
        if field_name == extension.url:
            continue
        if field_name in words.EXTENSIONS and extension.value is not None:
            record[field_name] = extension.value
        else:
            file.note(name, f"the extension {extension.url} is not known or has no value")


def _requester(file: File, reference: resources.Reference) -> str:
    found = file.resolve(reference.reference) if reference.reference else None
    if isinstance(found, resources.PractitionerRole):
        return _requester(file, found.practitioner) or reference.display
    if isinstance(found, resources.Practitioner):
        named = people.official_name(found.name)
        full = f"{named.get('given_name', '')} {named.get('family_name', '')}".strip()
        return full or reference.display
    return reference.display


def _team(file: File, reference: resources.Reference) -> str:
    """The organisation for which somebody prescribes, where the requester says so."""
    found = file.resolve(reference.reference) if reference.reference else None
    if isinstance(found, resources.PractitionerRole):
        return _named(file, found.organization)
    return found.name if isinstance(found, resources.Organization) else ""


def _named(file: File, reference: resources.Reference) -> str:
    """The name of an organisation, or what the reference says it is called."""
    found = file.resolve(reference.reference) if reference.reference else None
    named = found.name if isinstance(found, resources.Organization) else ""
    return named or reference.display
