"""Log, amend and withdraw a prescription by form: everything without a script."""

import html
import re
from datetime import date

import pytest
from django.urls import reverse

from reviews import rulebooks
from reviews.forms.prescribing import PrescriptionForm, values
from reviews.models import AuditEvent, Prescription, Role, Status
from reviews.queries.picker import AS_WRITTEN, value_of
from reviews.records import NOT_GIVEN
from reviews.rules.memory import memory_of
from reviews.rules.registry import RULES
from reviews.verbs import prescribe
from tests import make
from tests.web.browse import Browser, heading, words

DIAZEPAM = value_of("Diazepam 5 mg tablets", [])
PARACETAMOL = value_of("Paracetamol 500 mg tablets", [])
MORPHINE = value_of("Morphine 10 mg tablets", [])


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara)


@pytest.fixture
def on_diazepam(bell, clara):
    make.prescription(bell, clara, start=-5, days=14)
    return bell


@pytest.fixture
def browser(clara):
    return Browser(clara)


def new(patient):
    return reverse("prescription-log", args=[patient.pk])


def fields(**changes):
    """A week of diazepam 5 mg twice a day, as the form sends it."""
    return {
        "do": "save",
        "product": DIAZEPAM,
        "dose": "1",
        "dose_unit": "tablet",
        "times_per_day": "2",
        "days_supply": "7",
        "start_on": f"{make.day():%-d %b %Y}",
        "indication": "anxiety",
        "setting": "community",
        **changes,
    }


def logged(patient):
    return Prescription.objects.live().filter(patient=patient).order_by("-pk").first()


def products(response):
    """`{label: value}` of the picker's radio buttons."""
    found = re.findall(
        r'name="product" value="([^"]*)"[^>]*>\s*<span>(.*?)</span>',
        response.content.decode(),
        re.S,
    )
    return {
        re.sub(r"<[^>]*>", "", label).split("  ")[0].strip(): html.unescape(value)
        for value, label in found
    }


# -- Picking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "expected"), [("diaz 5", "iazepam"), ("valium", "iazepam")])
def test_part_of_a_name_or_a_brand_finds_a_medicine(browser, bell, typed, expected):
    response = browser.post(new(bell), do="find", q=typed)
    assert response.status_code == 200
    assert any(expected in label for label in products(response))


def test_a_code_finds_a_medicine_and_is_recorded_with_it(browser, bell):
    picked = products(browser.post(new(bell), do="find", q="197591"))
    value = next(value for value in picked.values() if value != AS_WRITTEN)
    assert browser.post(new(bell), **fields(product=value)).status_code == 302
    assert logged(bell).medicine.codings == [{"system": "rxnorm", "code": "197591", "display": ""}]


def test_what_is_not_in_the_list_can_be_recorded_as_written(browser, bell):
    page = browser.post(new(bell), do="find", q="Grandmother's drops")
    assert "not recognised: will not be checked" in words(page)
    browser.post(new(bell), **fields(q="Grandmother's  drops", product=AS_WRITTEN))
    assert logged(bell).medicine.text == "Grandmother's drops"


def test_a_name_that_is_known_all_the_same_is_said_to_be_read_so(browser, bell):
    page = browser.post(new(bell), do="find", q="diazepam from the neighbour")
    assert "without a code; read as diazepam" in words(page)


def test_the_medicine_chosen_stays_chosen_when_something_else_is_looked_for(browser, bell):
    page = browser.post(new(bell), do="find", q="zopiclone", product=DIAZEPAM)
    assert re.search(
        r'value="' + re.escape(html.escape(DIAZEPAM)) + r'"[^>]* checked', page.content.decode()
    )


def test_half_typed_words_are_not_remembered_by_the_rule_book(browser, bell, rulebook):
    known = memory_of(rulebooks.book(rulebook.pk)).recognised.known
    browser.post(new(bell), do="find", q="diaz")
    before = set(known)
    for typed in ("diaze", "diazep", "diazepa"):
        browser.get(reverse("medicine-search", args=[bell.pk]), q=typed)
    assert set(known) == before


def test_a_strength_that_may_mean_two_amounts_is_said_before_it_is_saved(browser, bell):
    typed = fields(do="preview", q="Diazepam 5-10 mg tablets", product=AS_WRITTEN)
    assert "strength not read: “5-10 mg”" in words(browser.post(new(bell), **typed))


# -- What is worked out, and the preview ----------------------------------------------------------


def test_daily_amount_and_last_day_are_echoed_in_words(browser, bell):
    page = words(browser.post(new(bell), **fields(do="preview", start_on="1 Feb 2026")))
    assert "10 mg a day" in page
    assert "7 days, 1 Feb 2026 to 7 Feb 2026" in page


def test_a_supply_that_is_not_known_is_said_to_be_missing(browser, bell):
    page = words(browser.post(new(bell), **fields(do="preview", days_supply="")))
    assert "last day not known" in page
    assert "Missing: quantity or days" in html.unescape(page)
    assert "Nothing new found." not in page


def test_the_unit_of_the_product_is_taken_where_none_is_chosen(browser, bell):
    browser.post(new(bell), **fields(dose_unit=""))
    assert logged(bell).dose_unit == "tablet"


def test_the_preview_says_what_is_new_and_what_stands_already(browser, on_diazepam):
    make.prescription(on_diazepam, make.person("clara", on_diazepam.practice), start=-60, days=54)
    page = words(browser.post(new(on_diazepam), **fields(do="preview", product=MORPHINE)))
    assert "OPI-01" in page
    assert "S1 Urgent" in page
    assert "Would clear it" in page
    assert "Stands already, without this prescription" in page
    assert "DUR-01" in page
    assert not Prescription.objects.filter(medicine__text__startswith="Morphine").exists()


def test_nothing_new_is_said_only_when_it_is_true(browser, bell):
    def page(**changes):
        return words(browser.post(new(bell), **fields(do="preview", **changes)))

    assert "Nothing new found." in page(product=PARACETAMOL)
    assert "Nothing new found." not in page()
    assert "Nothing new found." not in page(q="Unheard-of drops", product=AS_WRITTEN)
    assert "Nothing new found." not in page(product="")
    assert "Nothing new found." not in page(product=PARACETAMOL, dose="two")


def test_the_preview_counts_the_rules_of_the_practice_and_nothing_else(browser, bell):
    page = words(browser.post(new(bell), **fields(do="preview", product=PARACETAMOL)))
    of_the_practice = [rule for rule in RULES if bell.practice.profile in rule.profiles]
    assert f"Judged by {len(of_the_practice)} rules of rule book" in page


def test_the_fragments_say_the_same_as_the_page(browser, on_diazepam):
    given = fields(product=MORPHINE)
    parts = browser.post(reverse("prescription-preview", args=[on_diazepam.pk]), **given)
    assert "OPI-01" in words(parts)
    assert 'id="why" hx-swap-oob="true"' in parts.content.decode()
    assert "<html" not in parts.content.decode()


def test_the_fragments_count_in_the_unit_that_saving_takes(browser, bell):
    given = fields(do="preview", dose_unit="")
    parts = words(browser.post(reverse("prescription-preview", args=[bell.pk]), **given))
    assert "10 mg a day" in parts
    assert "10 mg a day" in words(browser.post(new(bell), **given))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"product": ""}, "Choose one from the list"),
        ({"product": "{}"}, "Choose it again"),
        ({"dose": "two"}, "Must be a number"),
        ({"dose": "0"}, "Must be more than 0"),
        ({"product": MORPHINE, "q": "x", "dose_unit": "mg", "dose": "-1"}, "Must be more than 0"),
        ({"start_on": "soon"}, "Must be a day such as 4 Dec 2026"),
        ({"start_on": "4 Dec 2026", "end_on": "3 Dec 2026"}, "Must not be before the start"),
        ({"max_per_day": "3"}, "taken if needed"),
        ({"days_supply": "1.5"}, "whole number of days"),
    ],
)
def test_what_cannot_be_saved_is_said_and_what_was_typed_stays(browser, bell, changes, said):
    response = browser.post(new(bell), **fields(dosage_text="At night", **changes))
    assert response.status_code == 422
    assert said in words(response)
    assert 'value="At night"' in response.content.decode()
    assert not Prescription.objects.exists()


# -- Saving ---------------------------------------------------------------------------------------


def test_it_is_saved_with_everything_that_was_typed(browser, bell, clara):
    response = browser.post(
        new(bell),
        **fields(
            dose="7,5",
            dose_unit="mg",
            times_per_day="",
            as_needed="on",
            max_per_day="15",
            expected_per_day="7.5",
            quantity="14",
            quantity_unit="tablet",
            end_on="+9d",
            dosage_text="At night",
            route="oral",
        ),
    )
    assert response.status_code == 302
    saved = logged(bell)
    assert (float(saved.dose), saved.dose_unit, saved.times_per_day) == (7.5, "mg", None)
    assert (saved.as_needed, float(saved.max_per_day), float(saved.expected_per_day)) == (
        True,
        15,
        7.5,
    )
    assert (float(saved.quantity), saved.days_supply, saved.end_on) == (14, 7, make.day(9))
    assert (saved.written_on, saved.dosage_text, saved.route) == (make.day(), "At night", "oral")
    assert (saved.prescriber, saved.reason) == (clara, "")
    assert AuditEvent.objects.filter(verb="prescription.logged").count() == 1


def test_only_the_medicine_is_needed_and_missing_stays_missing(browser, bell):
    browser.post(new(bell), do="save", product=DIAZEPAM, indication="unknown", setting="community")
    saved = logged(bell)
    assert (saved.dose, saved.quantity, saved.days_supply, saved.start_on) == (None,) * 4


def test_an_urgent_finding_asks_once_for_a_reason_and_never_blocks(browser, on_diazepam):
    given = fields(product=MORPHINE)
    asked = browser.post(new(on_diazepam), **given)
    assert asked.status_code == 200
    assert "Not saved yet" in words(asked)
    assert logged(on_diazepam).medicine.text.startswith("Diazepam")
    assert browser.post(new(on_diazepam), **given, asked="OPI-01").status_code == 302
    assert logged(on_diazepam).reason == NOT_GIVEN


def test_the_reason_stays_with_the_prescription(browser, on_diazepam):
    browser.post(new(on_diazepam), **fields(product=MORPHINE, reason="Lowest dose, five days"))
    assert logged(on_diazepam).reason == "Lowest dose, five days"


def test_an_urgent_finding_that_does_not_interrupt_asks_without_holding_up(browser, harbour, clara):
    old = make.patient(harbour, clara, age=70)
    make.prescription(old, clara, start=-5, days=14)
    pregabalin = fields(product=value_of("Pregabalin 75 mg capsules", []), indication="other")
    asked = words(browser.post(new(old), **pregabalin | {"do": "preview"}))
    assert "Saving this raises" in asked
    assert "(GAB-01)" in asked
    assert browser.post(new(old), **pregabalin, reason="By the pain clinic").status_code == 302
    assert logged(old).reason == "By the pain clinic"


def test_a_reason_nobody_asked_for_is_not_kept(browser, bell):
    browser.post(new(bell), **fields(reason="typed before the medicine was changed"))
    assert logged(bell).reason == ""


# -- Amending: what changes ------------------------------------------------------------------------


class TestTheChangeIsPreviewed:
    """What is open already is not new, and asks for nothing again."""

    @pytest.fixture
    def urgent(self, on_diazepam, clara):
        return make.prescription(
            on_diazepam, clara, "Morphine 10 mg tablets", start=-1, days=7, indication="pain"
        )

    def typed(self, held, **changes):
        """The form of an amendment as its page gives it, with something typed over."""
        form = PrescriptionForm(held=held, initial=values(held))
        shown = {
            name: f"{value:%-d %b %Y}" if isinstance(value, date) else str(value)
            for name, value in form.as_posted().items()
        }
        return {**shown, **changes}

    def ahead(self, browser, held, **changes):
        typed = self.typed(held, do="preview", **changes)
        return browser.client.post(reverse("prescription-amend", args=[held.pk]), typed)

    def test_other_words_change_nothing(self, browser, urgent):
        answer = self.ahead(browser, urgent, dosage_text="One in the morning with food")
        page = words(answer)
        assert "What the change does" in page
        assert "makes no difference to what screening says" in page
        assert "Saving this raises" not in page
        stands = page.partition("Stands already, and stays")[2]
        assert "OPI-01" in stands
        assert answer.context["ahead"].findings == []

    def test_it_is_so_from_the_start(self, browser, urgent):
        page = browser.read(reverse("prescription-amend", args=[urgent.pk]))
        assert "makes no difference to what screening says" in page

    def test_it_is_saved_without_asking_and_the_reason_given_before_goes_on(
        self, browser, on_diazepam, urgent, clara
    ):
        held = prescribe.amend(
            prescription=urgent,
            record=make.record("Morphine 10 mg tablets", start=-1, days=7, indication="pain"),
            reason="Lowest dose, five days",
            by=clara,
        )
        answer = browser.client.post(
            reverse("prescription-amend", args=[held.pk]),
            self.typed(held, do="save", dosage_text="With food"),
        )
        assert answer.status_code == 302
        assert logged(on_diazepam).dosage_text == "With food"
        assert logged(on_diazepam).reason == "Lowest dose, five days"

    def test_what_it_adds_is_new_and_what_it_ends_is_said(self, browser, on_diazepam, urgent):
        another = self.ahead(browser, urgent, product=value_of("Lorazepam 1 mg tablets", []))
        ahead = another.context["ahead"]
        assert {card.finding.rule_id for card in ahead.findings} >= {"DUP-01"}
        assert "OPI-01" in {finding.rule_id for finding in ahead.gone}
        tea = self.ahead(browser, urgent, product=value_of("Paracetamol 500 mg tablets", []))
        assert "OPI-01" in {finding.rule_id for finding in tea.context["ahead"].gone}
        assert "Would be cleared by the change" in words(tea)


# -- Who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ravi", "audrey"])
@pytest.mark.parametrize(
    "page", ["prescription-log", "prescription-amend", "prescription-withdraw"]
)
def test_only_a_clinician_prescribes(request, on_diazepam, who, page):
    pk = on_diazepam.pk if page == "prescription-log" else logged(on_diazepam).pk
    assert Browser(request.getfixturevalue(who)).get(reverse(page, args=[pk])).status_code == 403


def test_another_practice_is_not_there(on_diazepam, lakeside):
    stranger = Browser(make.person("stranger", lakeside, Role.CLINICIAN))
    assert stranger.get(new(on_diazepam)).status_code == 404
    amend = reverse("prescription-amend", args=[logged(on_diazepam).pk])
    assert stranger.get(amend).status_code == 404
    preview = reverse("prescription-preview", args=[on_diazepam.pk])
    assert stranger.post(preview, **fields()).status_code == 404


def test_a_prescription_of_somebody_else_cannot_be_previewed_away(browser, on_diazepam, lakeside):
    doctor = make.person("stranger", lakeside, Role.CLINICIAN)
    theirs = make.prescription(make.patient(lakeside, doctor), doctor)
    preview = reverse("prescription-preview", args=[on_diazepam.pk])
    assert browser.post(preview, **fields(replaces=theirs.pk)).status_code == 404


# -- Amend ----------------------------------------------------------------------------------------


def test_the_form_holds_the_old_values(browser, on_diazepam):
    held = logged(on_diazepam)
    response = browser.get(reverse("prescription-amend", args=[held.pk]))
    assert heading(response) == "Amend Diazepam 5 mg tablets"
    assert 'name="days_supply" value="14"' in response.content.decode()
    assert 'name="times_per_day" value="2"' in response.content.decode()
    assert "10 mg a day" in words(response)


def test_an_amendment_is_a_new_version_and_keeps_what_the_form_does_not_show(
    browser, on_diazepam, clara
):
    held = prescribe.amend(
        prescription=logged(on_diazepam),
        record=make.record(dispensed=True, written_on=make.day(-6), prescriber="Dr Elsewhere"),
        by=clara,
    )
    amend = reverse("prescription-amend", args=[held.pk])
    given = fields(days_supply="20", status="on-hold", dispensed="on", written_on="-6d")
    assert browser.post(amend, **given).status_code == 302
    now = logged(on_diazepam)
    assert (now.days_supply, now.status, now.version) == (20, Status.ON_HOLD, 3)
    assert (now.dispensed, now.written_on, now.prescriber_name) == (
        True,
        make.day(-6),
        "Dr Elsewhere",
    )


def test_a_unit_that_nobody_knew_is_not_made_up_when_something_else_is_amended(
    browser, bell, clara
):
    held = make.prescription(bell, clara, quantity=2, quantity_unit=None, days_supply=None)
    amend = reverse("prescription-amend", args=[held.pk])
    given = fields(days_supply="", quantity="2", quantity_unit="", status="on-hold")
    assert browser.post(amend, **given).status_code == 302
    now = logged(bell)
    assert (now.version, now.quantity, now.quantity_unit) == (2, 2, "")
    given = fields(days_supply="", quantity="28", quantity_unit="", status="on-hold")
    assert browser.post(reverse("prescription-amend", args=[now.pk]), **given).status_code == 302
    assert logged(bell).quantity_unit == "tablet", "an amount that is typed is of the product"


def test_a_schedule_of_doses_is_kept_unless_it_is_given_up(browser, bell, clara):
    taper = [{"per_day": 4, "days": 14}, {"per_day": 2, "days": 14}]
    held = make.prescription(bell, clara, schedule=taper, pharmacy="High Street")
    amend = reverse("prescription-amend", args=[held.pk])
    shown = "4 for 14 days\n2 for 14 days"
    page = browser.get(amend).content.decode()
    assert shown in page
    assert '<details class="more list-end" open>' in page
    browser.post(amend, **fields(status="active", schedule=shown, pharmacy="High Street"))
    kept = logged(bell)
    assert (kept.schedule, kept.pharmacy) == ([[4, 14], [2, 14]], "High Street")
    browser.post(reverse("prescription-amend", args=[kept.pk]), **fields(status="active"))
    assert (logged(bell).schedule, logged(bell).pharmacy) == (None, "")


@pytest.mark.parametrize(
    ("typed", "steps"),
    [
        ("7.5 for 14 days", [[7.5, 14]]),
        ("7,5 x 14; 5x7 then 0 for 1 day", [[7.5, 14], [5, 7], [0, 1]]),
        ("10 a day for 28d\r\n\r\n5 for 28", [[10, 28], [5, 28]]),
    ],
)
def test_a_schedule_is_typed_as_people_write_it(browser, bell, typed, steps):
    assert browser.post(new(bell), **fields(schedule=typed)).status_code == 302
    assert logged(bell).schedule == steps


@pytest.mark.parametrize("typed", ["ten for 14 days", "10", "10 for 0 days", "10 for a while"])
def test_a_schedule_that_cannot_be_read_is_said(browser, bell, typed):
    response = browser.post(new(bell), **fields(schedule=typed))
    assert response.status_code == 422
    assert "Schedule of doses" in words(response)
    assert logged(bell) is None


def test_the_practice_itself_is_no_team_to_show(browser, on_diazepam):
    amend = reverse("prescription-amend", args=[logged(on_diazepam).pk])
    page = browser.get(amend).content.decode()
    assert '<details class="more list-end">' in page
    assert "harbour" not in page[page.index("Team, if not") :][:300]
    browser.post(amend, **fields(status="active"))
    assert logged(on_diazepam).team == "harbour"


def test_what_is_rarely_needed_is_folded_away(browser, bell):
    assert '<details class="more list-end">' in browser.get(new(bell)).content.decode()
    wrong = browser.post(new(bell), **fields(start_time="25:00")).content.decode()
    assert '<details class="more list-end" open>' in wrong


def test_the_daily_amount_is_said_in_diazepam_too(browser, bell):
    page = words(browser.post(new(bell), **fields(do="preview")))
    assert "10 mg a day about 10 mg diazepam equivalent (Scottish Government 2024" in page
    plain = {"product": value_of("Amlodipine 5 mg tablets", [])}
    assert "equivalent" not in words(browser.post(new(bell), **fields(do="preview") | plain))


def test_an_indication_is_asked_for_where_limits_depend_on_it(browser, bell):
    asked = "Say what it is for"
    assert asked in words(browser.post(new(bell), **fields(do="preview", indication="unknown")))
    assert asked not in words(browser.post(new(bell), **fields(do="preview")))
    plain = {"product": value_of("Amlodipine 5 mg tablets", []), "indication": "unknown"}
    assert asked not in words(browser.post(new(bell), **fields(do="preview") | plain))


def test_a_changed_prescription_is_not_overwritten_unseen(browser, on_diazepam, clara):
    held = logged(on_diazepam)
    prescribe.amend(prescription=held, record=make.record(start=-5, days=10), by=clara)
    amend = reverse("prescription-amend", args=[held.pk])
    response = browser.post(amend, **fields(days_supply="20", status="active"))
    assert response.status_code == 409
    page = html.unescape(words(response))
    assert "Not saved: this prescription changed while you were looking at it." in page
    assert "Days’ supply 14 10 20" in page
    newest = reverse("prescription-amend", args=[logged(on_diazepam).pk])
    assert f'action="{newest}"' in response.content.decode()
    assert browser.post(newest, **fields(days_supply="20", status="active")).status_code == 302
    assert logged(on_diazepam).days_supply == 20


def test_an_old_link_leads_to_the_newest_version(browser, on_diazepam, clara):
    held = logged(on_diazepam)
    newest = prescribe.amend(prescription=held, record=make.record(days=10), by=clara)
    response = browser.get(reverse("prescription-amend", args=[held.pk]))
    assert response.url == reverse("prescription-amend", args=[newest.pk])


# -- Withdraw -------------------------------------------------------------------------------------


def withdraw_page(patient):
    return reverse("prescription-withdraw", args=[logged(patient).pk])


def test_a_benzodiazepine_reminds_of_withdrawal_and_taper(browser, on_diazepam):
    page = browser.read(withdraw_page(on_diazepam))
    assert "can cause withdrawal, including seizures" in page
    assert "A taper is usual" in page


def test_another_medicine_does_not(browser, bell, clara):
    make.prescription(bell, clara, "Paracetamol 500 mg tablets")
    assert "seizures" not in browser.read(withdraw_page(bell))


@pytest.mark.parametrize("status", ["stopped", "cancelled", "entered-in-error"])
def test_withdrawn_with_its_reason(browser, on_diazepam, status):
    response = browser.post(withdraw_page(on_diazepam), status=status, reason="Taper completed")
    assert response.status_code == 302
    now = logged(on_diazepam)
    assert (now.status, now.status_reason, now.version) == (status, "Taper completed", 2)


@pytest.mark.parametrize("given", [{}, {"status": "stopped"}, {"reason": "x"}])
def test_status_and_reason_are_needed(browser, on_diazepam, given):
    assert browser.post(withdraw_page(on_diazepam), **given).status_code == 422
    assert logged(on_diazepam).status == Status.ACTIVE


def test_a_withdrawal_of_what_changed_keeps_what_was_typed(browser, on_diazepam, clara):
    old = withdraw_page(on_diazepam)
    prescribe.amend(prescription=logged(on_diazepam), record=make.record(days=10), by=clara)
    response = browser.post(old, status="stopped", reason="Taper completed")
    assert response.status_code == 409
    assert 'value="Taper completed"' in response.content.decode()
    assert logged(on_diazepam).status == Status.ACTIVE


def test_a_refused_withdrawal_says_that_the_order_changed_meanwhile(browser, on_diazepam, clara):
    old = withdraw_page(on_diazepam)
    prescribe.amend(prescription=logged(on_diazepam), record=make.record(days=10), by=clara)
    response = browser.post(old, reason="Taper completed")
    assert response.status_code == 409
    assert "this prescription changed while you were looking at it" in words(response)
    assert "What happened: This field is required" in words(response)


def test_the_page_of_an_old_version_leads_to_the_newest(browser, on_diazepam, clara):
    old = withdraw_page(on_diazepam)
    prescribe.amend(prescription=logged(on_diazepam), record=make.record(days=10), by=clara)
    assert browser.get(old)["Location"] == withdraw_page(on_diazepam)
    assert "Here is its newest version" in browser.read(withdraw_page(on_diazepam))


def test_what_is_withdrawn_is_neither_withdrawn_again_nor_amended(browser, on_diazepam):
    browser.post(withdraw_page(on_diazepam), status="stopped", reason="Taper completed")
    assert browser.get(withdraw_page(on_diazepam)).status_code == 409
    amend = reverse("prescription-amend", args=[logged(on_diazepam).pk])
    assert browser.get(amend).status_code == 409


# -- Cost -----------------------------------------------------------------------------------------


def test_queries_do_not_grow_with_the_medicines_on_record(
    browser, bell, clara, django_assert_max_num_queries
):
    for start in range(-400, -20, 20):
        make.prescription(bell, clara, start=start, days=14)
    browser.get(new(bell))
    with django_assert_max_num_queries(45):
        browser.post(new(bell), **fields(do="preview", q="diaz 5"))
