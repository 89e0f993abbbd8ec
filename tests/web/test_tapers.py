"""The taper planner, the page of a taper and the patient's copy, without any script."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews.models import Reading, Taper, TaperVersion
from reviews.verbs import screen, taper
from tests import make
from tests.verbs.test_taper import crossed, supply, under_way
from tests.web.browse import Browser, heading, words


@pytest.fixture
def treated(harbour, clara):
    patient = make.patient(harbour, clara)
    for start in range(-128, 0, 28):
        supply(patient, clara, 15, start=start)
    return patient


@pytest.fixture
def page(treated):
    return f"/patients/{treated.pk}/taper"


def fields(response, form="save"):
    """What a form would send: its hidden and other fields with their values."""
    text = response.content.decode()
    text = text[text.index(f'id="{form}"') :]
    text = text[: text.index("</form>")]
    found = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and value:
            found.setdefault(name[1], []).append(value[1])
    return found


def asked(**changes):
    """The planner's fields as somebody would send them by hand."""
    given = {
        "drug": "diazepam",
        "from_mg": "15",
        "first_on": "+1d",
        "percent": "10",
        "every_days": "14",
        "strengths": ["tablet:2", "tablet:5"],
        "strengths_of": "diazepam",
        "halves": "on",
        "cross_on": "+1d",
        "cross_days": "7",
    }
    return given | changes


# -- The planner -----------------------------------------------------------------------------------


def test_the_planner_begins_with_what_the_person_takes(treated, clara, page):
    response = Browser(clara).get(page)
    text = words(response)
    assert heading(response) == "Plan a taper"
    assert "Diazepam 15 mg a day" in text
    assert 'name="from_mg" value="15"' in response.content.decode()
    assert "2 mg tablets" in text
    assert "2 mg/5 ml liquid" in text
    assert re.search(r"\d+ steps in \d+ weeks", text)
    for rule in ("TAP-01", "TAP-02", "TAP-03", "TAP-04", "TAP-05", "TAP-06", "TAP-07"):
        assert rule in text
    assert "American Society of Addiction Medicine 2025, recommendation 6" in text
    assert "local policy, unverified" in text
    assert not Taper.objects.exists()


def test_the_schedule_follows_what_is_asked(treated, clara, page):
    browser = Browser(clara)
    text = words(browser.get(page, **asked()))
    assert "13.5 mg" in text
    assert "2½ × 5 mg + ½ × 2 mg" in text
    assert "smallest step" in text
    slower = words(browser.get(page, **asked(every_days="28")))
    weeks = [int(re.search(r"steps in (\d+) weeks", each)[1]) for each in (text, slower)]
    assert 1.9 * weeks[0] < weeks[1] < 2 * weeks[0]
    capsules = words(browser.get(page, **asked(halves="", strengths=["tablet:2"], from_mg="14")))
    assert "½" not in capsules


def test_what_was_shown_is_what_is_saved(treated, clara, page):
    browser = Browser(clara)
    shown = browser.get(page, **asked(every_days="28"))
    response = browser.client.post(
        page, fields(shown) | {"reason": "small last doses"}, follow=True
    )
    version = TaperVersion.objects.get()
    assert (version.every_days, version.status) == (28, "planned")
    assert response.redirect_chain == [(f"/tapers/{version.taper_id}", 302)]
    assert "Saved: taper of diazepam, version 1" in words(response)
    assert version.plan.steps[1].on == make.day(1)


def test_a_plan_past_a_limit_asks_for_a_reason(treated, clara, page):
    fast = asked(own_percent="50", own_days="7", faster="on", strengths=["tablet:5", "tablet:10"])
    browser = Browser(clara)
    shown = browser.get(page, **fast)
    assert "accept or change" in words(shown)
    assert "Reason for this plan all the same" in words(shown)
    given = fields(shown)
    refused = browser.client.post(page, given)
    assert refused.status_code == 422
    assert "Not saved" in words(refused)
    assert not Taper.objects.exists()
    browser.client.post(page, given | {"reason": "Moves abroad; ward informed"})
    version = TaperVersion.objects.get()
    assert version.over == ["pace", "TAP-01"]
    text = browser.read(f"/tapers/{version.taper_id}")
    assert "Moves abroad; ward informed" in text
    assert "pace, TAP-01 accepted" in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"from_mg": "a few"}, "must be a number"),
        ({"from_mg": ""}, "from, mg a day: is needed"),
        ({"first_on": "soon"}, "must be a day"),
        ({"first_on": "-3d"}, "has passed"),
        ({"first_on": ""}, "first step on: this field is required"),
        ({"strengths": [], "halves": ""}, "made up from: are needed"),
        ({"own_percent": "70"}, "must be from 1 to 50"),
        ({"own_days": "900"}, "must be from 1 to 84"),
        ({"percent": "99"}, "select a valid choice"),
        ({"other_tablet": "2000"}, "must be from 0.0001 to 1000"),
    ],
)
def test_what_cannot_be_planned_is_told(treated, clara, page, changes, told):
    response = Browser(clara).get(page, **asked(**changes))
    assert response.status_code == 200
    assert told in words(response).lower()
    assert "No plan yet" in words(response)
    assert Browser(clara).post(page, **asked(**changes)).status_code == 422


def test_other_strengths_can_be_added(treated, clara, page):
    text = words(Browser(clara).get(page, **asked(strengths=[], other_tablet="1")))
    assert "13½ × 1 mg" in text
    text = words(Browser(clara).get(page, **asked(strengths=["tablet:5"], other_liquid="2")))
    assert "ml of 2 mg/5 ml" in text


def test_lorazepam_three_times_a_day_is_planned_as_three_doses(harbour, clara):
    patient = make.patient(harbour, clara)
    for start in range(-100, 0, 28):
        make.prescription(
            patient, clara, "Lorazepam 1 mg tablets", dose=1, times_per_day=3, start=start
        )
    page = Browser(clara).get(f"/patients/{patient.pk}/taper")
    html = page.content.decode()
    for time in ("morning", "midday", "night"):
        assert re.search(rf'name="at_{time}" value="1"', html)
    assert not re.search(r'name="from_mg" value="\d', html)
    text = words(page)
    # The label of one 1 mg tablet says that it may be halved; nobody says so of 0.5 mg.
    assert "1 mg: scored, can be divided into equal halves (Lorazepam 1 mg tablets" in text
    assert "Midday, lower" in text
    assert "≈ 30 mg by Scottish Government 2024 (this profile)" in text
    Browser(clara).client.post(
        f"/patients/{patient.pk}/taper", fields(page) | {"reason": "small last doses"}
    )
    steps = TaperVersion.objects.get().plan.steps
    assert [(dose.time, dose.mg) for dose in steps[0].times] == [
        ("morning", 1),
        ("midday", 1),
        ("night", 1),
    ]
    assert all(dose.mg <= 1 for step in steps for dose in step.times)


def test_short_use_is_told_that_a_taper_is_not_usually_needed(harbour, clara):
    patient = make.patient(harbour, clara)
    make.prescription(
        patient,
        clara,
        "Zopiclone 3.75 mg tablets",
        dose=1,
        times_per_day=1,
        start=-20,
        indication="insomnia",
    )
    address = f"/patients/{patient.pk}/taper"
    browser = Browser(clara)
    text = words(browser.get(address))
    assert "after less than 28 days a taper is not usually needed" in text
    # Nobody may halve the tablet, so there is no lower dose; the nights may become fewer.
    assert "leave nothing between 3.75 mg and none" in text
    assert "5 nights" in text
    told = browser.get(address, since="2 May 2020", since_told_by="person", at_night="3.75")
    assert "a taper is not usually needed" not in words(told)
    nights = browser.get(address, way="nights", percent="25", every_days="14", at_night="3.75")
    browser.client.post(address, fields(nights) | {"reason": "three nights a week, then none"})
    version = TaperVersion.objects.get()
    assert [step.nights for step in version.plan.steps[:-1]] == [7, 6, 5, 4, 3]
    text = browser.read(f"/tapers/{version.taper_id}")
    assert "6 nights a week" in text
    assert "12 × 3.75 mg tablets" in text


def test_use_before_the_record_is_recorded_with_the_plan(treated, clara, page):
    browser = Browser(clara)
    shown = browser.get(page, **asked(since="2 May 2020", since_told_by="carer"))
    assert "larger: steps" in words(shown), "steps over a tenth, after a year of use"
    browser.client.post(page, fields(shown) | {"reason": "agreed with her"})
    told = dict(Reading.objects.values_list("kind", "text"))
    assert told["in_use_since"] == "2020-05-02"
    assert told["in_use_since_told_by"] == "carer"
    text = words(browser.get(page, **asked(since="+1d"))).lower()
    assert "must have passed" in text


def test_a_quick_end_is_chosen_and_accepted_with_a_reason(treated, clara, page):
    browser = Browser(clara)
    slow, quick = (browser.read(page, **asked(quick_end=end)) for end in ("", "on"))
    weeks = [int(re.search(r"steps in (\d+) weeks", text)[1]) for text in (slow, quick)]
    assert weeks[1] < weeks[0]
    assert "held for the whole plan" in slow
    assert re.search(r"Largest mean: 10 % in 14 days", slow)
    assert re.search(r"Largest mean: 50 % in 14 days; faster at steps", quick)


def test_only_the_results_are_sent_to_a_page_that_asks_for_them(treated, clara, page):
    response = Browser(clara).client.get(page, asked(), headers={"HX-Request": "true"})
    text = response.content.decode()
    assert text.lstrip().startswith('<div class="stack" id="planned">')
    assert 'id="save-button" hx-swap-oob="true"' in text
    assert "<html" not in text
    assert 'id="strengths"' not in text
    another = asked(drug="lorazepam", drug_was="diazepam")
    changed = Browser(clara).client.get(page, another, headers={"HX-Request": "true"})
    assert 'id="strengths" hx-swap-oob="true"' in changed.content.decode()
    assert 'id="dose-from" hx-swap-oob="true"' in changed.content.decode()


def test_a_cross_over_shows_tables_and_fills_in_no_dose(harbour, clara):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 3, start=-100, days=110, medicine="Lorazepam 1 mg tablets")
    address = f"/patients/{patient.pk}/taper"
    given = asked(drug="lorazepam", from_mg="3", cross="on", strengths_of="lorazepam")
    response = Browser(clara).get(address, **given)
    text = words(response)
    assert "Scottish Government 2024 this profile's ≈ 30 mg" in text
    assert "VA/DoD 2021 ≈ 15 mg" in text
    assert "nothing is filled in" in text
    assert re.search(r'name="cross_mg"(?! value)', response.content.decode())
    assert "No plan yet" in text
    planned = words(Browser(clara).get(address, **given | {"cross_mg": "20"}))
    assert "Change from lorazepam to diazepam" in planned
    assert "2 mg tablets" in planned, "the strengths are those of diazepam"
    outside = Browser(clara).get(address, **given | {"cross_mg": "40"})
    assert "over the highest table (30 mg)" in words(outside)
    Browser(clara).client.post(address, fields(outside) | {"reason": "Letter of the clinic"})
    assert TaperVersion.objects.get().over == ["TAP-01", "cross-over"]


def test_one_medicine_at_a_time(treated, clara, page):
    make.prescription(treated, clara, "Zopiclone 7.5 mg tablets", times_per_day=1, start=-3)
    text = words(Browser(clara).get(page))
    assert "Zopiclone stays as now: plan one medicine at a time" in text


def test_without_a_medicine_in_hand_any_can_be_planned(harbour, clara):
    patient = make.patient(harbour, clara)
    response = Browser(clara).get(f"/patients/{patient.pk}/taper")
    assert "No benzodiazepine or Z-drug is recorded as in hand" in words(response)
    shown = Browser(clara).get(f"/patients/{patient.pk}/taper", **asked())
    assert "not known" in words(shown), "there is nothing on record to judge it by"


def test_planning_anew_starts_from_the_dose_of_today(treated, clara, page):
    version = under_way(treated, clara)
    browser = Browser(clara)
    shown = browser.get(page)
    assert heading(shown) == "Plan the taper anew"
    given = fields(shown) | {"every_days": ["28"]}
    stale = browser.client.post(page, given | {"seen": ["1"]})
    assert stale.status_code == 409
    browser.client.post(page, given | {"reason": "small last doses"})
    latest = TaperVersion.objects.get(superseded_at=None)
    assert (latest.version, latest.move, latest.every_days) == (3, "revise", 28)
    assert latest.taper_id == version.taper_id


@pytest.mark.parametrize(
    ("who", "plan", "see"),
    [("clara", 200, 200), ("ravi", 200, 200), ("audrey", 403, 200), ("ada", 404, 404)],
)
def test_who_may(who, plan, see, treated, clara, page, harbour):
    version = under_way(treated, clara)
    browser = Browser(make.person(who, harbour))
    assert browser.get(page).status_code == plan
    assert browser.get(f"/tapers/{version.taper_id}").status_code == see
    assert browser.get(f"/tapers/{version.taper_id}/sheet").status_code == see
    moved = browser.post(f"/tapers/{version.taper_id}/contact", seen=2, reason="Well")
    assert moved.status_code == (302 if plan == 200 else 403 if see == 200 else 404)


def test_elsewhere_it_is_not_there(treated, clara, page, lakeside):
    version = under_way(treated, clara)
    stranger = Browser(make.person("stranger", lakeside, "clinician"))
    for address in (page, f"/tapers/{version.taper_id}", f"/tapers/{version.taper_id}/sheet"):
        assert stranger.get(address).status_code == 404


# -- The page of a taper ---------------------------------------------------------------------------


def test_the_page_says_what_to_take_now_and_what_comes_next(treated, clara):
    version = under_way(treated, clara)
    response = Browser(clara).get(f"/tapers/{version.taper_id}")
    text = words(response)
    tomorrow = f"{make.day(1):%a %-d %b}"
    assert heading(response) == f"Diazepam: 15 mg a day now, 13.5 mg from {tomorrow}"
    assert f"Next step {make.day(1):%a %-d %b %Y}: 13.5 mg" in text
    assert f"Next contact {make.day(8):%a %-d %b %Y}" in text
    assert "3 × 5 mg" in text
    assert "Under way" in text


def test_what_was_prescribed_stands_beside_the_plan(treated, clara):
    version = under_way(treated, clara)
    assert "as planned so far" in words(Browser(clara).get(f"/tapers/{version.taper_id}"))
    supply(treated, clara, 7.5, start=0)
    text = words(Browser(clara).get(f"/tapers/{version.taper_id}"))
    assert "at some step: faster" in text
    assert "faster 7.5 mg" in text


def test_a_step_without_any_prescription_is_told(harbour, clara):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 15, start=-60, days=50)
    version = under_way(patient, clara)
    text = words(Browser(clara).get(f"/tapers/{version.taper_id}"))
    assert "at some step: not supplied" in text


@pytest.mark.parametrize(
    ("code", "given", "told"),
    [
        ("contact", {"reason": "Sleeps well"}, "Contact: taper of diazepam"),
        ("hold", {"reason": "Exams", "days": 14}, "Held: taper of diazepam"),
        ("pause", {"reason": "Bereaved", "maintenance_agreed": "on"}, "lower dose agreed"),
        ("give_up", {"reason": "Too hard just now"}, "Given up: taper of diazepam"),
    ],
)
def test_a_move_is_made_and_told(treated, clara, code, given, told):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}"
    page = Browser(clara).follow(f"{address}/{code}", seen=2, **given)
    assert told in words(page)
    assert given["reason"] in words(page)


def test_hold_step_back_and_resume_take_one_press(treated, clara):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}"
    browser = Browser(clara)
    assert "Hold for 2 weeks" in browser.read(address)
    browser.post(f"{address}/hold", seen=2)
    held = TaperVersion.objects.get(superseded_at=None)
    assert held.plan.steps[1].on == make.day(15)
    browser.post(f"{address}/pause", seen=3, reason="Bereaved")
    assert "Resume from tomorrow" in browser.read(address)
    browser.post(f"{address}/resume", seen=4)
    resumed = TaperVersion.objects.get(superseded_at=None)
    assert (resumed.status, resumed.plan.steps[1].on) == ("active", make.day(1))


def test_resume_and_the_last_steps_are_offered_in_their_time(treated, clara):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}"
    browser = Browser(clara)
    assert "Complete" not in browser.read(address)
    browser.post(f"{address}/pause", seen=2, reason="Bereaved")
    text = browser.read(address)
    assert "Taper of diazepam, paused" in text
    assert "Resume" in text
    browser.post(f"{address}/resume", seen=3, first_on="+3d")
    assert TaperVersion.objects.get(superseded_at=None).plan.steps[1].on == make.day(3)


def test_what_is_refused_is_shown_again_with_what_was_typed(treated, clara):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}"
    response = Browser(clara).post(f"{address}/hold", seen=2, reason="Exams", days=400)
    assert response.status_code == 422
    assert "must be from 1 to 84" in words(response)
    assert "Exams" in words(response)
    assert Browser(clara).post(f"{address}/hold", seen=1, reason="x", days=7).status_code == 409
    assert Browser(clara).post(f"{address}/resume", seen=2, first_on="+1d").status_code == 409
    assert Browser(clara).post(f"{address}/resume", seen=2, first_on="soon").status_code == 400
    assert Browser(clara).post(f"{address}/jump", seen=2).status_code == 404


def test_a_plan_that_waits_is_started_or_cancelled(treated, clara, page):
    browser = Browser(clara)
    browser.client.post(page, fields(browser.get(page, **asked())) | {"reason": "small doses"})
    address = f"/tapers/{Taper.objects.get().pk}"
    text = browser.read(address)
    assert "Start" in text
    assert "Cancel the plan" in text
    browser.post(f"{address}/cancel", seen=1, reason="Not wanted")
    assert "Taper of diazepam, cancelled" in browser.read(address)
    assert browser.get(f"{address}/sheet").status_code == 302


def test_the_pages_cost_no_more_with_more_history(treated, clara):
    version = under_way(treated, clara)

    def queries(address):
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    browser = Browser(clara)
    addresses = (
        f"/patients/{treated.pk}",
        f"/patients/{treated.pk}/taper",
        f"/tapers/{version.taper_id}",
        f"/tapers/{version.taper_id}/sheet",
    )
    queries(addresses[0])  # the first page of a session asks for its second factor
    few = [queries(address) for address in addresses]
    for seen in range(2, 8):
        taper.contact(taper=version.taper, by=clara, seen=seen, reason="Well")
        supply(treated, clara, 15, start=-seen * 28)
    assert [queries(address) for address in addresses] == few


def test_the_patient_page_tells_of_tapers(treated, clara, audrey):
    address = f"/patients/{treated.pk}"
    text = Browser(clara).read(address)
    assert "None is planned" in text
    assert f'href="{address}/taper" data-key="t"' in Browser(clara).get(address).content.decode()
    under_way(treated, clara)
    text = Browser(audrey).read(address)
    assert "15 mg a day now; 13.5 mg from" in text
    assert f'href="{address}/taper"' not in Browser(audrey).get(address).content.decode()


# -- The patient's copy ----------------------------------------------------------------------------


def test_the_copy_is_in_plain_words(treated, clara):
    version = under_way(treated, clara)
    text = Browser(clara).read(f"/tapers/{version.taper_id}/sheet")
    assert "Coming down slowly from diazepam" in text
    assert "Do not stop all at once" in text
    assert "2 and a half tablets of 5 mg and half a tablet of 2 mg" in text
    assert f"We will talk on {make.day(8):%A %-d %B}" in text
    assert "Stay on your dose and call us" in text
    assert "Call 999 if no one can wake you" in text
    assert "ask for Clara Moreau" in text
    assert "words not signed, unverified" in text
    assert "TAP-" not in text


def test_the_sheet_has_four_steps_and_the_whole_plan_as_an_annex(treated, clara):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}/sheet"
    browser = Browser(clara)
    steps = browser.get(address).content.decode().count('<th scope="row">')
    assert steps == 4
    whole = browser.get(address, whole="1")
    assert whole.content.decode().count('<th scope="row">') == len(version.plan.steps)
    assert "you have come all the way down" in words(whole)
    assert "Questions to bring" not in words(whole)


def test_another_language_is_marked_unverified_on_screen_and_on_paper(treated, clara):
    version = under_way(treated, clara)
    address = f"/tapers/{version.taper_id}/sheet"
    page = Browser(clara).get(address, language="fr")
    text = words(page)
    assert "Réduire diazepam lentement" in text
    assert "Traduction non vérifiée" in text
    assert "words not signed, unverified" in text
    assert '<article class="sheet large" lang="fr"' in page.content.decode()
    assert Browser(clara).get(address, language="tlh").status_code == 404


def test_the_copy_warns_of_an_opioid_and_knows_the_country(treated, clara, lakeside):
    make.prescription(treated, clara, "Morphine 10 mg tablets", indication="pain", start=-2)
    version = under_way(treated, clara)
    assert "You also take morphine" in Browser(clara).read(f"/tapers/{version.taper_id}/sheet")
    doctor = make.person("doc", lakeside, "clinician")
    there = make.patient(lakeside, doctor)
    supply(there, doctor, 15, start=-60, days=70)
    other = under_way(there, doctor)
    assert "Call 911" in Browser(doctor).read(f"/tapers/{other.taper_id}/sheet")


def test_the_copy_of_a_pause(treated, clara):
    version = under_way(treated, clara)
    taper.pause(taper=version.taper, by=clara, seen=2, reason="Bereaved")
    text = Browser(clara).read(f"/tapers/{version.taper_id}/sheet")
    assert "Your dose stays as it is for now" in text


def test_the_copy_of_a_cross_over(harbour, clara):
    patient = make.patient(harbour, clara)
    supply(patient, clara, 3, start=-100, days=110, medicine="Lorazepam 1 mg tablets")
    version = crossed(patient, clara)
    text = Browser(clara).read(f"/tapers/{version.taper_id}/sheet")
    assert "First: change from lorazepam to diazepam" in text
    assert "1 and a half tablets of 1 mg" in text


def test_nothing_on_these_pages_tells_anybody_to_end_it_at_once(treated, clara, page):
    version = under_way(treated, clara)
    browser = Browser(clara)
    for address in (page, f"/tapers/{version.taper_id}", f"/tapers/{version.taper_id}/sheet"):
        text = browser.read(address).lower()
        assert "stop" not in text.replace("do not stop all at once", "")


@pytest.mark.parametrize(
    ("mg", "start", "told"),
    [
        ("13.5", 1, "13.5 mg a day planned from {} . as planned"),
        ("7.5", 1, "13.5 mg a day planned from {} . faster: 7.5 mg"),
        ("15", 1, "13.5 mg a day planned from {} . slower: 15 mg"),
    ],
)
def test_a_new_prescription_is_recognised_as_part_of_a_taper(treated, clara, mg, start, told):
    under_way(treated, clara)
    response = Browser(clara).post(
        f"/patients/{treated.pk}/prescriptions/preview",
        q="Diazepam 5 mg tablets",
        product="as-written",
        dose=mg,
        dose_unit="mg",
        times_per_day="1",
        start_on=f"+{start}d",
        days_supply="14",
        indication="anxiety",
        setting="community",
    )
    text = words(response)
    assert "Part of the taper of diazepam" in text
    said = told.format(f"{make.day(start):%-d %b %Y}").replace(" .", ".")
    assert said in text


def test_a_prescription_during_a_taper_is_screened_as_part_of_it(treated, clara):
    under_way(treated, clara)
    supply(treated, clara, 13.5, start=1, change_reason="taper")
    screen.drain()
    held = Taper.objects.get().versions.get(superseded_at=None)
    assert held.plan.mg_on(make.day(1)) == Decimal("13.5")
