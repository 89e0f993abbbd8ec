"""Every page, in light and dark, wide and narrow: no axe violation, nothing off the side."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from drugs.models import Ingredient
from reviews import conclusions, refused
from reviews.models import Case, Flag, RuleVersion, ScreeningRequest
from reviews.verbs import caseload, clients, decide, registrations, screen, webhooks
from tests import make

pytestmark = pytest.mark.browser

WIDE, NARROW = (1440, 900), (360, 740)
# Each size and each scheme once on every page, and all four together on the two busiest: colours
# do not depend on the width, nor the structure on the scheme.
CROSSED = ((WIDE, "light"), (NARROW, "dark"))
ALL = (*CROSSED, (WIDE, "dark"), (NARROW, "light"))
axe = Axe()
DRAWN = """([scheme, width]) => new Promise(done => {
    const fits = matchMedia(`(prefers-color-scheme: ${scheme})`).matches && innerWidth === width;
    const behind = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    const isDark = behind[0] + behind[1] + behind[2] < 384;
    const drawn = fits && isDark === (scheme === "dark");
    requestAnimationFrame(() => requestAnimationFrame(() => done(drawn)));
})"""


def faults(page, looks=CROSSED):
    """What axe finds, and whether the page itself scrolls sideways, for each size and scheme."""
    found = []
    for (width, height), scheme in looks:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        # On a busy machine the next drawing may still be in the colours or the width of the last.
        page.wait_for_function(DRAWN, arg=[scheme, width])
        where = f"{page.url} {width} {scheme}"
        answer = axe.run(page, options={"resultTypes": ["violations"]}).response
        found += [
            f"{where}: {fault['id']}: {node['html'][:200]}"
            for fault in answer["violations"]
            for node in fault["nodes"]
        ]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{where}: scrolls sideways")
    return found


def all_faults(visit, user, addresses, looks=CROSSED):
    page = visit(user, addresses[0])
    found = []
    for number, address in enumerate(addresses):
        if number:
            page.goto(address)
        found += faults(page, looks)
    return found


@pytest.fixture
def record(harbour, clara):
    """A person with an urgent case, a medicine nobody recognises and one without a supply."""
    case = make.urgent_case(harbour, logged_by=clara)
    make.prescription(case.patient, clara, "Zzyzx 5 mg tablets", start=-3, days=14)
    make.prescription(case.patient, clara, "Lorazepam 1 mg tablets", start=-3, days=None)
    screen.drain()
    case.refresh_from_db()
    return case


def test_before_sign_in(visit, rulebook):
    names = ["account_login", "account_reset_password", "account_reset_password_done"]
    assert all_faults(visit, None, [reverse(name) for name in names]) == []


def test_of_ones_own_account(visit, ravi):
    names = ["preferences", "account_change_password", "account_logout", "mfa_index"]
    assert all_faults(visit, ravi, [*map(reverse, names), "/no-such-page"]) == []


def test_of_a_reviewer(visit, ravi, record):
    case, person = record.pk, record.patient_id
    busiest = [reverse("queue"), reverse("case", args=[case])]
    assert all_faults(visit, ravi, busiest, ALL) == []
    addresses = [
        reverse("queue") + "?q=nobody",
        reverse("patients"),
        reverse("patients") + "?q=bell",
        *(reverse("search") + query for query in ("", "?q=bell", "?q=diazepam", "?q=zzyzx")),
        reverse("patient", args=[person]),
        reverse("patient-medicines", args=[person]),
        reverse("unknown-medicines"),
    ]
    assert all_faults(visit, ravi, addresses) == []


def test_of_my_work_full_and_empty(visit, ravi, samira, harbour, clara, record):
    page = visit(samira, reverse("my-work"))
    assert faults(page) == []
    page.goto(reverse("hand-over"))
    assert faults(page) == []
    lesser = make.flagged_case(harbour, logged_by=clara)
    caseload.claim(case=lesser, by=ravi, seen=lesser.lock)
    escalate = {"to": "reviewer", "reason": "Please call", "by": ravi}
    caseload.escalate(case=record, seen=record.lock, **escalate)
    addresses = [reverse("my-work"), reverse("hand-over"), reverse("queue") + "?owner=me"]
    assert all_faults(visit, ravi, addresses) == []


def test_of_a_queue_with_somebody_not_checked_and_one_that_is_empty(visit, ravi, harbour, clara):
    make.patient(harbour, clara)
    ScreeningRequest.objects.update(requested_at=timezone.now() - timezone.timedelta(minutes=9))
    page = visit(ravi, reverse("queue"))
    assert page.get_by_text("NOT CHECKED.").is_visible()
    assert faults(page) == []
    screen.drain()
    page.reload()
    assert page.get_by_text("Checked, and clear").is_visible()
    assert faults(page) == []


def test_of_a_case_with_every_finding_unfolded_and_a_matter_split(visit, ravi, record):
    page = visit(ravi, reverse("case", args=[record.pk]))
    page.get_by_role("button", name="Unfold all lines").click()
    page.get_by_text("Split its").first.click()
    assert page.get_by_text("What would clear it").first.is_visible()
    assert page.get_by_text("Missing, and could change an answer").is_visible()
    assert faults(page, ALL) == []


def test_of_a_decided_case_with_its_history(visit, ravi, record):
    caseload.claim(case=record, by=ravi, seen=record.lock)
    record.refresh_from_db()
    page = visit(ravi, reverse("case", args=[record.pk]))
    for fields in page.locator("fieldset[data-matter]").all():
        fields.locator("select").nth(0).select_option("taper")
        fields.locator("select").nth(1).select_option("agreed_with_patient")
    page.get_by_role("button", name=re.compile("^Decide")).click()
    page.wait_for_url("**/")
    assert Case.objects.get(pk=record.pk).closed_at
    page.goto(reverse("case", args=[record.pk]))
    assert page.locator(".history").get_by_text("Reduce or taper").first.is_visible()
    assert page.get_by_text("Undo: possible today").is_visible()
    assert faults(page) == []


def test_of_a_proposal_and_of_wrong_data(visit, ravi, samira, record):
    """What waits for a second person, as both see it, and the list of what was called wrong."""
    wrong = {"DQ-01": "quantity_wrong", "DQ-03": "medicine_wrong"}
    given = [
        conclusions.FlagOutcome(flag.pk, "data_wrong", wrong[flag.rule_id])
        if flag.rule_id in wrong
        else conclusions.FlagOutcome(flag.pk, "continue", "benefit_outweighs")
        for flag in Flag.objects.open().filter(case=record)
    ]
    decide.decide(case=record, outcomes=given, by=ravi, seen=record.lock, note="Hospice care")
    case = reverse("case", args=[record.pk])
    assert all_faults(visit, ravi, [case]) == []
    page = visit(samira, case)
    assert faults(page) == []
    page.get_by_role("button", name=re.compile("^Confirm")).click()
    page.wait_for_url("**/")
    page.goto(reverse("data-quality"))
    assert page.get_by_text("Medicine or code wrong").is_visible()
    assert faults(page) == []


def test_of_a_clinician(visit, clara, record):
    held = record.patient.prescriptions.live().first()
    person = record.patient_id
    addresses = [
        reverse("prescription-log", args=[person]),
        reverse("prescription-amend", args=[held.pk]),
        reverse("prescription-withdraw", args=[held.pk]),
        reverse("patient-register"),
        reverse("patient-condition", args=[person]),
    ]
    assert all_faults(visit, clara, addresses) == []


def test_of_a_form_that_was_refused(visit, clara, record):
    page = visit(clara, reverse("patient-register"))
    page.get_by_label("Birth date").fill("someday")
    page.get_by_label("Family name").fill("Nowak")
    page.get_by_role("main").locator("button[type=submit]").first.click()
    assert page.get_by_role("alert").is_visible()
    assert faults(page) == []


def test_of_integrations_full_and_empty(visit, ada, harbour):
    page = visit(ada, reverse("integrations"))
    assert page.get_by_text("No system is connected").is_visible()
    assert faults(page) == []
    key, _ = clients.make_key(name="Sync", source_system="ehr", practices=[harbour], by=ada)
    webhooks.make(
        practice=harbour,
        name="Dashboard",
        url="https://example.com/x",
        events=["case.opened"],
        by=ada,
    )
    registrations.register(
        name="Quayside",
        source_system="quayside",
        practices=[harbour],
        allowed="system/MedicationDispense.cruds system/Patient.rs",
        hook_issuer="",
        keys="",
        jwks_url="https://quayside.example/jwks.json",
        by=ada,
    )
    odd = [refused.Fault("dose.unit", f"“{'Packung' * 9}” is no unit", "rx-88-1219")]
    refused.keep(key.user, refused.Surface.REST, odd)
    page.reload()
    assert page.get_by_text("rx-88-1219").is_visible()
    assert faults(page, ALL) == []
    page.get_by_role("button", name="Say whether").click()
    assert page.get_by_role("heading", name="Quayside may get a token").is_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Discover").click()
    for line in page.locator("section[aria-labelledby=tried] details").all():
        line.locator("summary").click()
    assert faults(page) == []


def test_of_formulary_and_rules(visit, ada):
    diazepam = Ingredient.objects.get(key="diazepam")
    # The whole lists are the same few rows many times over, and axe looks at each.
    addresses = [
        reverse("formulary") + "?q=zop",
        reverse("drug", args=[diazepam.key]),
        reverse("rules") + "?q=DUR-01",
        reverse("rule", args=["DUR-01"]),
        reverse("rulebooks"),
        reverse("rulebook", args=[RuleVersion.objects.get().number]),
        reverse("keys"),
        reverse("key-make"),
    ]
    assert all_faults(visit, ada, addresses) == []


def test_of_an_auditor(visit, audrey, record):
    addresses = [
        reverse("patient-audit", args=[record.patient_id]),
        reverse("case", args=[record.pk]),
    ]
    assert all_faults(visit, audrey, addresses) == []
