"""RxNorm, in the files RXNCONSO.RRF and RXNREL.RRF of its release: rows of RXNORM itself alone.

A clinical drug (SCD) consists of components (SCDC: an ingredient with its strength), a component
has an ingredient (IN), and a branded drug (SBD) is the tradename of a clinical drug. Each row of
RXNREL says what the *second* concept is to the *first* one (the NLM's own note in the data
dictionary of the file). Packs are passed over. What the other vocabularies in the files say is
under their own licences, and is not read.
"""

from drugs.releases.pieces import (
    BRANDED,
    COMPONENT,
    INGREDIENT,
    LINK,
    PRODUCT,
    UNREAD,
    Bad,
    Piece,
    Row,
    Source,
    code,
    lines,
    needed,
)

KINDS = {"IN": INGREDIENT, "SCDC": COMPONENT, "SCD": PRODUCT, "SBD": BRANDED}
LINKS = frozenset({"has_ingredient", "consists_of", "tradename_of"})
CONCEPT = (
    *("RXCUI", "LAT", "TS", "LUI", "STT", "SUI", "ISPREF", "RXAUI", "SAUI", "SCUI", "SDUI"),
    *("SAB", "TTY", "CODE", "STR", "SRL", "SUPPRESS", "CVF"),
)
RELATION = (
    *("RXCUI1", "RXAUI1", "STYPE1", "REL", "RXCUI2", "RXAUI2", "STYPE2", "RELA"),
    *("RUI", "SRUI", "SAB", "SL", "DIR", "RG", "SUPPRESS", "CVF"),
)


def _columns(row: Row, names: tuple[str, ...]) -> dict[str, str]:
    if row.content is None:
        raise Bad("the line is too long")
    try:
        text = row.content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Bad("it is not written in UTF-8") from error
    if "\0" in text:
        raise Bad("it holds a character of the number 0")
    values = text.split("|")
    # Each value ends with a bar, the last one too.
    if len(values) != len(names) + 1:
        raise Bad(f"it has {len(values) - 1} columns, and not {len(names)}", values[0][:40])
    return dict(zip(names, values, strict=False))


def _concept(row: Row) -> list[Piece]:
    said = _columns(row, CONCEPT)
    kind = KINDS.get(said["TTY"])
    if said["SAB"] != "RXNORM" or kind is None:
        return []
    own = code(said, "RXCUI")
    return [Piece(kind, own, "", {"name": needed(said, "STR", own)})]


def _relation(row: Row) -> list[Piece]:
    said = _columns(row, RELATION)
    if said["SAB"] != "RXNORM" or said["RELA"] not in LINKS:
        return []
    if not said["RXCUI2"] and said["STYPE2"] != "CUI":
        # Of two atoms: what holds of their concepts has a row of its own.
        return []
    second = code(said, "RXCUI2")
    link = Piece(LINK, second, UNREAD, {"how": said["RELA"]})
    try:
        return [link._replace(other=code(said, "RXCUI1", second))]
    except Bad as bad:
        # What a drug consists of is more than its other rows say.
        bad.pieces = [link]
        raise


SOURCES = (
    Source("RXNCONSO.RRF", ".RRF", lines, _concept),
    Source("RXNREL.RRF", ".RRF", lines, _relation),
)
