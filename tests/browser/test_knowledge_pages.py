"""Code lists, replay and upkeep: no axe violation, nothing off the side, and work by keyboard."""

import pytest
from django.urls import reverse
from django.utils import timezone

from drugs.models import Edition, EditionFault, EditionIngredient, EditionProduct
from reviews.verbs import screen
from tests import make
from tests.browser.test_pages import all_faults

pytestmark = pytest.mark.browser


@pytest.fixture
def case(harbour, clara):
    case = make.urgent_case(harbour, logged_by=clara)
    make.prescription(case.patient, clara, "Zzyzx 5 mg tablets", start=-3, days=14)
    screen.drain()
    return case


@pytest.fixture
def edition(rulebook):
    made = Edition.objects.create(
        system="dmd",
        name="week 48",
        released_on=timezone.localdate(),
        digest="0" * 64,
        files=[{"name": "f_vmp2_3241126.xml", "size": 1, "sha256": "0" * 64}],
        state=Edition.State.READY,
        read={"rows": 3, "broken": 1, "products": 1},
    )
    EditionIngredient.objects.create(edition=made, code="91", name="Zorkine")
    EditionProduct.objects.create(
        edition=made,
        code="81",
        name="Zorkine 5mg tablets",
        parts=[["91", 5, ""]],
        ingredients=["91"],
    )
    EditionFault.objects.create(
        edition=made, file="f_vmp2_3241126.xml", line=7, what="VMP", reason="NM is missing"
    )
    return made


def test_replay(visit, audrey, case):
    address = reverse("patient-replay", args=[case.patient_id])
    assert all_faults(visit, audrey, [address, f"{address}?day=2020-01-01"]) == []


def test_upkeep_and_code_lists(visit, ada, case, edition):
    addresses = [
        reverse("upkeep"),
        reverse("code-lists"),
        reverse("code-list", args=[edition.pk]),
    ]
    assert all_faults(visit, ada, addresses) == []


def test_a_line_is_given_without_a_mouse(visit, ada, case):
    page = visit(ada, reverse("upkeep"))
    opened = page.locator("#unverified").locator("xpath=ancestor::section").locator("details").first
    opened.locator("summary").focus()
    page.keyboard.press("Enter")
    opened.get_by_label("By").fill("+10d")
    page.keyboard.press("Enter")
    page.get_by_text("has it until").wait_for()
