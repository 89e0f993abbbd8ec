"""dm+d, the NHS dictionary of medicines and devices, in the XML files of its TRUD release.

A product as it is prescribed (VMP) names its ingredients with strengths; a product as it is sold
(AMP) has those of its VMP. The ingredients that AMP lines add (`AP_ING`) are excipients, and are
passed over, and so are packs. A moiety (VTM) stands for what all its VMPs hold. Names and places of
elements: the dm+d data model of the NHS BSA; checked against no release here.
"""

import re
from decimal import Decimal, InvalidOperation

from drugs.releases.pieces import (
    BRANDED,
    CODE,
    FORM,
    GROUP,
    INGREDIENT,
    LINK,
    NOT_SAID,
    PART,
    PRODUCT,
    ROUTE,
    UNREAD,
    WORD,
    Bad,
    Piece,
    Row,
    Source,
    code,
    elements,
    fields,
    needed,
)

OF_VMP = re.compile(rb"<VPID>\s*([1-9][0-9]{0,17})\s*</VPID>")
OF_VTM = re.compile(rb"<VTMID>\s*([1-9][0-9]{0,17})\s*</VTMID>")


def _word(row: Row) -> list[Piece]:
    """A form, a route or a unit. Other look-ups have short numbers of their own, not needed."""
    said = fields(row)
    if not CODE.fullmatch(said.get("CD", "")) or len(said["CD"]) < 6:
        return []
    return [Piece(WORD, said["CD"], "", {"text": needed(said, "DESC", said["CD"])})]


def _group(row: Row) -> list[Piece]:
    said = fields(row)
    own = code(said, "VTMID")
    return [Piece(GROUP, own, "", {"name": needed(said, "NM", own)})]


def _ingredient(row: Row) -> list[Piece]:
    said = fields(row)
    own = code(said, "ISID")
    return [Piece(INGREDIENT, own, "", {"name": needed(said, "NM", own)})]


def _of_vmp(row: Row) -> list[Piece]:
    if row.tag == "VPI":
        return _part(row)
    if row.tag == "VMP":
        return _product(row)
    said = fields(row)
    own = code(said, "VPID")
    if row.tag == "DFORM":
        return [Piece(FORM, own, code(said, "FORMCD", own), {})]
    return [Piece(ROUTE, own, code(said, "ROUTECD", own), {})]


def _product(row: Row) -> list[Piece]:
    """A VMP. Of a broken one nobody knows what it holds, so neither does its moiety."""
    try:
        said = fields(row)
        own = code(said, "VPID")
        of = code(said, "VTMID", own) if said.get("VTMID") else ""
        return [Piece(PRODUCT, own, of, {"name": needed(said, "NM", own)})]
    except Bad as bad:
        bad.pieces = [Piece(LINK, each, UNREAD, {}) for each in _moiety_of(row.content)]
        raise


def _moiety_of(content: bytes | None) -> list[str]:
    """The moiety that a broken VMP is of: none where it says none, any where that is not read."""
    named = OF_VTM.search(content or b"")
    if named:
        return [named[1].decode()]
    # The name stands behind the moiety: where it is read, there was none before it.
    says_none = content is not None and b"<NM>" in content and b"VTM" not in content
    return [] if says_none else [NOT_SAID]


def _part(row: Row) -> list[Piece]:
    """An ingredient of a VMP. A broken one is still one: its product holds more than the others.

    One that does not say of which product it is may be of any.
    """
    try:
        said = fields(row)
    except Bad as bad:
        named = OF_VMP.search(row.content or b"")
        bad.pieces = [Piece(PART, named[1].decode() if named else NOT_SAID, UNREAD, {})]
        raise
    try:
        own = code(said, "VPID")
    except Bad as bad:
        substance = said.get("ISID", "")
        known = substance if CODE.fullmatch(substance) else UNREAD
        bad.pieces = [Piece(PART, NOT_SAID, known, {})]
        raise
    part = Piece(PART, own, UNREAD, {})
    try:
        part = part._replace(other=code(said, "ISID", own))
        return [part._replace(said=_strength(said, own))]
    except Bad as bad:
        bad.pieces = [part]
        raise


def _strength(said: dict[str, str], own: str) -> dict[str, str]:
    strength = {}
    if said.get("STRNT_NMRTR_VAL"):
        strength = {
            "value": _number(said, "STRNT_NMRTR_VAL", own),
            "unit": code(said, "STRNT_NMRTR_UOMCD", own),
        }
    if said.get("STRNT_DNMTR_VAL"):
        strength |= {
            "in": _number(said, "STRNT_DNMTR_VAL", own),
            "in_unit": code(said, "STRNT_DNMTR_UOMCD", own),
        }
    return strength


def _of_amp(row: Row) -> list[Piece]:
    said = fields(row)
    own = code(said, "APID")
    name = said.get("DESC") or needed(said, "NM", own)
    return [Piece(BRANDED, own, code(said, "VPID", own), {"name": name})]


def _number(said: dict[str, str], name: str, what: str) -> str:
    """A number above zero, as it is written. Raises `Bad`."""
    try:
        value = Decimal(said[name])
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise Bad(f"{name} “{said[name][:40]}” is no number above zero", what)
    return said[name]


SOURCES = (
    Source("f_lookup2_", ".xml", elements("INFO"), _word),
    Source("f_ingredient2_", ".xml", elements("ING"), _ingredient),
    Source("f_vtm2_", ".xml", elements("VTM"), _group),
    Source("f_vmp2_", ".xml", elements("VMP", "VPI", "DFORM", "DROUTE"), _of_vmp),
    Source("f_amp2_", ".xml", elements("AMP"), _of_amp),
)
