"""Files of the formulary, groups of practices, local status: no axe violation, by keyboard too."""

import pytest
from django.urls import reverse

from drugs.models import Ingredient
from reviews.models import GroupMember
from reviews.verbs import govern, practice_groups
from tests import make
from tests.browser.test_pages import all_faults
from tests.verbs.test_local_status import say

pytestmark = pytest.mark.browser


@pytest.fixture
def coast(rulebook, ada):
    return practice_groups.make(code="coast", name="Coast practices", profile="UK", by=ada)


def test_the_pages(visit, ada, harbour, coast):
    practice_groups.move(practice=harbour, group=coast, reason="joined", seen=None, by=ada)
    say(Ingredient.objects.get(key="diazepam"), harbour, ada)
    draft = govern.begin(title="Coast", by=ada)
    change = reverse("rule-change", args=["DUR-01"])
    addresses = [
        reverse("formulary-file"),
        reverse("practice-groups"),
        reverse("drug", args=["diazepam"]),
        reverse("drug-here", args=["diazepam", "harbour"]),
        reverse("drug-here", args=["diazepam", "group:coast"]),
        f"{change}?draft={draft.pk}&scope=group:coast&field=s2_over_days",
    ]
    assert all_faults(visit, ada, addresses) == []


def test_a_report_of_a_file(visit, ada, rulebook):
    page = visit(ada, reverse("formulary-file"))
    text = (
        "kind,drug,profile,status,source,locator,next_review\n"
        f"status,diazepam,UK,restricted,Local formulary,p. 3,{make.day(90)}\n"
    )
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV or TOML").set_input_files(file)
    page.get_by_role("button", name="Read the file").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="1 row would be written").wait_for()
    page.get_by_role("button", name="Write 1 row").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Each awaits sign-off.").wait_for()


def test_a_practice_is_moved_without_a_mouse(visit, ada, harbour, coast):
    page = visit(ada, reverse("practice-groups"))
    page.get_by_label("Practice", exact=True).select_option(label=harbour.name)
    page.get_by_label("Into which group").select_option(label=coast.name)
    page.get_by_label("Reason").fill("joined")
    page.keyboard.press("Enter")
    page.get_by_text(f"{harbour} is in {coast}.").wait_for()
    assert GroupMember.objects.current().get().practice == harbour
