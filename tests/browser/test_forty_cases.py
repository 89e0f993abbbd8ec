"""A reviewer works through forty cases by keyboard alone, and every key press is counted.

A routine case has no urgent flag: its answers are pre-set, the reviewer reads and agrees. For an
urgent one the answer of each urgent matter is chosen. A chord such as Ctrl Enter is one press.
"""

import re
from collections import defaultdict

import pytest
from playwright.sync_api import expect

from reviews.models import Case, CaseState, Decision, Flag
from reviews.verbs import screen
from tests import make

pytestmark = pytest.mark.browser

AIM = 3
AIM_URGENT = 9
URGENT_EVERY = 8
KINDS = (
    ("Diazepam 5 mg tablets", {"start": -34, "days": 35}),
    ("Lorazepam 1 mg tablets", {"start": -40, "days": 42}),
    ("Zopiclone 7.5 mg tablets", {"start": -34, "days": 35, "times_per_day": 1}),
    ("Diazepam 2 mg tablets", {"start": -130, "days": 132}),
)


@pytest.fixture
def forty(harbour, clara):
    for number in range(40):
        treated = make.patient(harbour, clara, age=30 + number, given_name=f"Number {number}")
        medicine, supply = KINDS[number % len(KINDS)]
        make.prescription(treated, clara, medicine, **supply)
        if number % URGENT_EVERY == 0:
            make.prescription(treated, clara, "Morphine 10 mg tablets", start=-1, days=7)
    screen.drain()
    cases = Case.objects.open()
    assert cases.count() == 40
    return cases


class Keyboard:
    """The keyboard of a page; `presses` counts since it was last set to 0."""

    def __init__(self, page):
        self.page = page
        self.presses = 0

    def press(self, *keys):
        for key in keys:
            self.presses += 1
            self.page.keyboard.press(key)


def agree(keys):
    """Read, go to the decision, and take what is pre-set."""
    keys.press("d", "Control+Enter")


def answer(keys):
    """Choose outcome and reason of each urgent matter; sent too early, the next one is shown."""
    keys.press("d")
    while True:
        keys.press("r", "e", "d")  # Reduce or taper
        keys.press("Tab", "a")  # Agreed with the patient
        left = keys.page.locator("#decide select:invalid").count()
        keys.press("Control+Enter")
        if not left:
            return


def test_forty_cases_by_keyboard_alone(visit, ravi, forty, capsys):
    urgent = set(forty.filter(severity=1).values_list("pk", flat=True))
    page = visit(ravi, "/")
    keys = Keyboard(page)
    spent = defaultdict(list)
    keys.press("j")
    keys.presses = 0
    keys.press("o")
    for number in range(40):
        expect(page).to_have_url(re.compile(r"/cases/\d+\?session=\d+$"))
        pk = int(re.search(r"/cases/(\d+)", page.url)[1])
        with page.expect_navigation():
            (answer if pk in urgent else agree)(keys)
        expect(page.get_by_role("status").first).to_contain_text("Decision saved")
        spent["urgent" if pk in urgent else "routine"].append(keys.presses)
        keys.presses = 0
        assert Decision.objects.count() == number + 1

    assert not Case.objects.open().exists()
    assert Case.objects.filter(state=CaseState.DECIDED).count() == 40
    assert not Flag.objects.open().filter(severity__lte=3).exists()
    expect(page.get_by_role("heading", level=1)).to_have_text("40 of 40 decided, none left")
    with capsys.disabled():
        for kind, presses in sorted(spent.items()):
            mean, most = sum(presses) / len(presses), max(presses)
            print(f"\n{len(presses)} {kind} cases: {mean:.1f} presses each, {most} at most")
    assert max(spent["routine"]) <= AIM
    assert max(spent["urgent"]) <= AIM_URGENT
    assert len(spent["routine"]) == 35
