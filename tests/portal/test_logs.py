"""What is known about a person does not reach the log."""

import pytest

from portal.logs import PERSONAL_KEYS, drop_personal_data


def cleaned(**event):
    return drop_personal_data(None, "info", event)


@pytest.mark.parametrize("key", sorted(PERSONAL_KEYS))
def test_personal_keys_are_dropped(key):
    assert cleaned(event="saved", patient_id=7, **{key: "Mary"}) == {
        "event": "saved",
        "patient_id": 7,
    }


def test_search_words_are_cut_from_the_address():
    line = cleaned(
        event="request_finished", request="GET /patients?q=Mary+Ashdown&page=2", code=200
    )
    assert line["request"] == "GET /patients"
    assert line["code"] == 200


def test_row_values_are_cut_from_a_database_error():
    error = (
        "psycopg.errors.UniqueViolation: duplicate key value\n"
        "DETAIL:  Key (value)=(943 476 5919) already exists.\n"
        "CONTEXT:  COPY staging, line 1: Mary Ashdown\n"
    )
    kept = cleaned(event="failed", exception=error)["exception"]
    assert "UniqueViolation" in kept
    assert "943" not in kept
    assert "Mary" not in kept
