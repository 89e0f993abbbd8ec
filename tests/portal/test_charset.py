"""Whatever charset a client names, what it sends is UTF-8 or refused, and never a failure."""

import json

import pytest

from portal.charset import in_utf_8
from reviews.models import Patient
from tests.fhir.asking import System
from tests.fhir.test_fhir_writing_people import bell

OTHERS = [
    "charset=latin-1",
    "charset=utf-16",
    # These are known to Python, and no text is decoded by them.
    "charset=base64",
    "charset=undefined",
    # The name itself, encoded by what nobody knows.
    "charset*=nothing''utf-8",
    "charset*=undefined''utf-8",
]


@pytest.fixture
def ask(server, harbour, ada):
    """Asks as a system: `ask(method, path, media type, body)`."""
    secret = System(harbour, by=ada).secret

    def asked(method, path, kind, body=b""):
        heads = {"Authorization": f"Bearer {secret}", "Content-Type": kind}
        with server.client() as http:
            return http.request(method, path, content=body, headers=heads)

    return asked


@pytest.mark.parametrize("name", ["utf-8", "UTF8", '"utf-8"', "us-ascii"])
def test_utf_8_is_taken_by_all_its_names(ask, name):
    kind = f"application/fhir+json; charset={name}"
    answer = ask("POST", "/fhir/Patient", kind, json.dumps(bell()))
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("said", OTHERS)
@pytest.mark.parametrize(
    ("path", "kind", "answered"),
    [
        ("/fhir/Patient", "application/fhir+json", "application/fhir+json"),
        ("/cds-services/order-sign", "application/json", "application/fhir+json"),
        ("/api/v1/patients/sync", "application/json", "application/problem+json"),
        ("/token", "application/x-www-form-urlencoded", "application/json"),
        ("/accounts/login/", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"),
    ],
)
def test_a_body_in_another_charset_is_refused_by_every_door(ask, said, path, kind, answered):
    answer = ask("POST", path, f"{kind}; {said}", json.dumps(bell()))
    assert (answer.status_code, answer.headers["Content-Type"]) == (415, answered)
    assert "charset" in answer.text
    assert not Patient.objects.exists()


@pytest.mark.parametrize("said", OTHERS)
@pytest.mark.parametrize(
    "path",
    [
        "/fhir/Patient?_format=json&family=%C3%A9",
        "/fhir/metadata?family=%C3%A9",
        "/api/v1/patients?identifier=%C3%A9",
        "/accounts/login/?next=%C3%A9",
    ],
)
def test_a_question_is_read_whatever_charset_comes_with_it(ask, said, path):
    answer = ask("GET", path, f"application/json; {said}")
    assert answer.status_code == 200, answer.text


def test_what_names_no_charset_is_passed_on_as_it_is():
    given = {"CONTENT_TYPE": "application/fhir+json", "CONTENT_LENGTH": "2"}
    assert in_utf_8(lambda environ, _: [environ])(given, None) == [given]
