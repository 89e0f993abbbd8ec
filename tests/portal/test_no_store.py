"""No answer is kept by a browser or a proxy, whoever asks and whatever comes of it."""

import pytest
from django.urls import reverse

from tests import make
from tests.web.browse import Browser


@pytest.mark.parametrize(
    "name", ["queue", "patients", "formulary", "rules", "preferences", "search", "account_email"]
)
def test_pages(ravi, name):
    assert Browser(ravi).get(reverse(name))["Cache-Control"] == "no-store"


def test_a_case_a_person_and_a_part_of_a_page(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    browser = Browser(ravi)
    addresses = [reverse("case", args=[case.pk]), reverse("patient", args=[case.patient_id])]
    for address in addresses:
        assert browser.get(address)["Cache-Control"] == "no-store"
    part = browser.client.get(reverse("queue"), headers={"HX-Request": "true"})
    assert part["Cache-Control"] == "no-store"


def test_refusals_and_redirects_and_the_api(client, ravi):
    browser = Browser(ravi)
    for address in (
        "/cases/999999",
        "/no-such-page",
        reverse("case-claim", args=[1]),
        "/api/v1/cases",
    ):
        assert browser.get(address)["Cache-Control"] == "no-store"
    assert client.get(reverse("queue"))["Cache-Control"] == "no-store"
    assert client.get(reverse("account_login"))["Cache-Control"] == "no-store"
