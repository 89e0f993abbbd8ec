"""The product of an order: named, coded, or told by what is in it."""

from reviews.fhir.read import resources, words
from reviews.fhir.read.file import File
from reviews.fhir.read.plain import Unreadable

OfAMedicine = (
    resources.MedicationRequest
    | resources.MedicationDispense
    | resources.MedicationStatement
    | resources.MedicationAdministration
)


def product(file: File, name: str, request: OfAMedicine) -> tuple[str, resources.Concept]:
    """`(text, concept)` of a medicine."""
    concept, reference = request.medicationCodeableConcept, request.medicationReference
    if request.medication is not None:
        concept = concept or request.medication.concept
        reference = reference or request.medication.reference
    if concept is not None and (concept.words or reference is None):
        if not concept.words:
            raise Unreadable("its medicine has neither a code nor a text")
        return concept.words, concept
    if reference is None:
        raise Unreadable("names no medicine")
    held = file.find(reference.reference)
    if held is not None and isinstance(held.resource, resources.Medication):
        for said in held.left_out:
            file.note(name, f"of its Medication {said}")
        return _of_medication(file, name, held.resource, reference)
    if reference.display:
        file.note(name, "its Medication is not in the bundle: only the name is known")
        return reference.display, resources.Concept()
    raise Unreadable(f"its medicine “{reference.reference}” is not in the bundle")


def _of_medication(
    file: File, name: str, medication: resources.Medication, reference: resources.Reference
) -> tuple[str, resources.Concept]:
    """A Medication by its code, else by what is in it."""
    file.within = medication.id if "#" in medication.id else f"Medication/{medication.id}"
    parts = [(_substance(file, part), part.strength) for part in medication.ingredient]
    file.within = name
    codings = [
        coding for coding in medication.code.coding if coding.system not in words.NOT_A_PRODUCT
    ]
    code = resources.Concept(codings, medication.code.text)
    named = [
        f"{concept.words} {_strength(strength)}".strip()
        for concept, strength in parts
        if concept.words
    ]
    complete = len(named) == len(medication.ingredient)
    if code.words:
        if complete and len(named) == 1 and not any(map(str.isdigit, code.words)):
            # The code names the substance and the ingredient how much of it there is.
            strength = _strength(parts[0][1])
            return " ".join(filter(None, [code.words, strength, medication.form.words])), code
        return code.words, code
    if named and complete:
        # The codes of one ingredient are the product's; those of several are not.
        text = " ".join(filter(None, [" / ".join(named), medication.form.words]))
        return text, parts[0][0] if len(parts) == 1 else resources.Concept()
    if named:
        file.note(name, "one of the ingredients of its Medication has no name")
        return " / ".join(named), resources.Concept()
    if reference.display:
        return reference.display, resources.Concept()
    raise Unreadable("its Medication has neither a code nor named ingredients")


def _substance(file: File, part: resources.Ingredient) -> resources.Concept:
    """What an ingredient is, itself or by reference."""
    if part.itemCodeableConcept.words:
        return part.itemCodeableConcept
    reference = part.itemReference
    found = file.resolve(reference.reference) if reference.reference else None
    if isinstance(found, resources.Medication | resources.Substance) and found.code.words:
        return found.code
    return resources.Concept(text=reference.display)


def packed(
    file: File, request: OfAMedicine, quantity: resources.Quantity | None
) -> resources.Quantity | None:
    """So many packs, as what they hold where the Medication says it."""
    reference = request.medicationReference
    found = file.resolve(reference.reference) if reference and reference.reference else None
    amount = found.amount if isinstance(found, resources.Medication) else None
    if quantity is None or not quantity.value or amount is None:
        return quantity
    said = {quantity.unit.strip().casefold(), quantity.code.strip().casefold()}
    holds = amount.numerator
    if not said & {*words.PACKS} or not holds.value or words.unit(holds) is None:
        return quantity
    each = holds.value / (amount.denominator.value or 1)
    return resources.Quantity(quantity.value * each, holds.unit, holds.code)


def _strength(ratio: resources.Ratio | None) -> str:
    """ "5 mg", "2 mg/5 ml": how much of an ingredient there is; empty where it is not said."""
    if ratio is None or not ratio.numerator.value:
        return ""
    much = f"{ratio.numerator.value:.10g} {ratio.numerator.unit or ratio.numerator.code}"
    of = words.unit(ratio.denominator)
    if of not in ("ml", "g", "mg"):
        return much
    return f"{much}/{ratio.denominator.value or 1:.10g} {of}".replace("/1 ", "/")
