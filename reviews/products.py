"""Products as somebody wrote them: one row for a text with its codes, whoever wrote it."""

from collections.abc import Iterable

from django.db import connection

from reviews.bulk import as_json
from reviews.models import Medicine
from reviews.records import Coding, PrescriptionRecord, medicine_key
from reviews.rules.dossier import Medicine as WrittenMedicine

Written = tuple[str, tuple[Coding, ...]]
"""A product as it was written: its text and its codes."""


def coded(codings: Iterable[Coding]) -> list[dict[str, str]]:
    """Codes as they are kept in a row, of a product as of a condition."""
    return [
        {"system": coding.system, "code": coding.code, "display": coding.display}
        for coding in codings
    ]


def as_read(medicine: Medicine) -> WrittenMedicine:
    """The row of a product as the rules read it."""
    codings = tuple((coding["system"], coding["code"]) for coding in medicine.codings)
    return WrittenMedicine(medicine.key, medicine.text, codings)


def one(text: str, codings: tuple[Coding, ...]) -> Medicine:
    """The row of a product, made where it is new; two writers at once get the same one."""
    found, _ = Medicine.objects.get_or_create(
        key=medicine_key(text, codings), defaults={"text": text, "codings": coded(codings)}
    )
    return found


def many(records: Iterable[PrescriptionRecord]) -> dict[Written, int]:
    """Ids of the rows of the products of these records; those that are new are added, in sets."""
    keys = {}
    for record in records:
        written = (record.medicine, record.codings)
        if written not in keys:
            keys[written] = medicine_key(*written)
    by_key = {key: written for written, key in keys.items()}
    ids = _ids(list(by_key))
    # In one order, so that two batches with the same new products cannot deadlock.
    missing = sorted(by_key.keys() - ids.keys())
    if missing:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO reviews_medicine (key, text, codings) SELECT * FROM ROWS FROM ("
                "json_array_elements_text(%s), json_array_elements_text(%s),"
                " jsonb_array_elements(%s)) AS said"
                " ON CONFLICT (key) DO NOTHING",
                [
                    as_json(missing),
                    as_json([by_key[key][0] for key in missing]),
                    as_json([coded(by_key[key][1]) for key in missing]),
                ],
            )
        ids |= _ids(missing)
    return {written: ids[key] for written, key in keys.items()}


def _ids(keys: list[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, id FROM reviews_medicine"
            " WHERE key = ANY(ARRAY(SELECT json_array_elements_text(%s)))",
            [as_json(keys)],
        )
        return dict(cursor.fetchall())
