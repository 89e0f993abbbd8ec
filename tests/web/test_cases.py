"""The case page: everything a reviewer needs, and every refusal told without losing anything."""

import html
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from reviews import conclusions, records
from reviews.drawing.lanes import MOST_LANES
from reviews.forms import decision
from reviews.models import (
    AuditEvent,
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Exemption,
    Flag,
    PatientNote,
    ScreeningRequest,
)
from reviews.queries import outcomes
from reviews.rules.matters import Told, matters
from reviews.verbs import caseload, decide, observe, prescribe, screen, sync
from tests import make
from tests.api import sent
from tests.web.browse import Browser, words


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def get(client, user, case):
    client.force_login(user)
    return client.get(reverse("case", args=[case.pk]))


def offered(response):
    """The codes of the outcomes that the page offers for what is urgent."""
    cards = response.context["cards"]
    choices = [each for card in cards for each in (card, *card.lines) if each.urgent]
    assert choices
    return {code for each in choices for code, _ in each.outcomes}


def choices(case, outcome="taper", reason="agreed_with_patient", **extra):
    data = {"seen": case.lock, "note": "Agreed by telephone", **extra}
    for flag in Flag.objects.open().filter(case=case):
        data[f"outcome-{flag.pk}"] = outcome
        data[f"reason-{flag.pk}"] = reason
    return data


def test_it_shows_the_sentence_the_numbers_the_source_and_the_book(client, case, ravi, rulebook):
    flag = Flag.objects.get(rule_id="DUR-01")
    text = get(client, ravi, case).content.decode()
    assert flag.title in text
    assert flag.clears in text
    assert f"Rule book {rulebook.number}" in text
    assert "What would clear it" in text
    for fact in flag.facts:
        assert fact["label"] in text
    for citation in rulebook.book["citations"]["DUR-01"]:
        assert escape(citation["issuer"]) in text


def test_the_time_line_has_every_medicine_and_a_table(client, case, ravi, clara):
    make.prescription(
        case.patient, clara, "Morphine 10 mg tablets", start=-3, days=7, indication="pain"
    )
    make.prescription(case.patient, clara, "Amlodipine 5 mg tablets", indication="other")
    screen.drain()
    case.refresh_from_db()
    response = get(client, ravi, case)
    text = response.content.decode()
    assert 'class="chart wide"' in text
    assert 'class="chart narrow"' in text
    assert "style=" not in text
    for medicine in ("Diazepam 5 mg tablets", "Morphine 10 mg tablets", "Amlodipine 5 mg tablets"):
        assert medicine in text
    lanes = {lane.name: lane.kind for lane in response.context["charts"][0].lanes}
    assert lanes == {"Diazepam": "benzo", "Morphine": "opioid"}


def test_a_missing_supply_is_hatched_and_worded(client, harbour, clara, ravi):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-5, days=None, dose=None, dose_unit=None)
    screen.drain()
    text = get(client, ravi, Case.objects.open().get(patient=treated)).content.decode()
    assert "Missing, and could change an answer" in text
    assert "<b>Length of supply of diazepam.</b>" in text
    assert "<b>Daily dose of diazepam.</b>" in text
    assert "length not known" in text


def test_what_is_missing_and_changes_nothing_is_one_quiet_line(client, harbour, clara, ravi):
    man = make.patient(harbour, clara, sex="male")
    make.prescription(man, clara, start=-34, days=35)
    screen.drain()
    page = words(get(client, ravi, Case.objects.open().get(patient=man)))
    assert "would change nothing to act on: Kidney function (eGFR) (REN-01)" in page
    assert "could change an answer" not in page
    assert re.search(r"Checked with rule book \d+, [^ ]+, but for REN-01", page)
    make.prescription(
        man, clara, "Gabapentin 300 mg capsules", start=-20, days=28, indication="pain"
    )
    screen.drain()
    page = words(get(client, ravi, Case.objects.open().get(patient=man)))
    assert "Missing, and could change an answer" in page
    assert "Kidney function (eGFR). Could bring or change a finding S1 Urgent GAB-01" in page
    assert "Checked in part" in page


def test_deciding_closes_the_case_and_without_a_list_leads_nowhere_else(
    client, harbour, clara, case, ravi
):
    make.flagged_case(harbour, logged_by=clara)
    client.force_login(ravi)
    response = client.post(reverse("case-decide", args=[case.pk]), choices(case))
    assert response.url == reverse("queue")
    decided = Decision.objects.get()
    assert (decided.by, decided.note) == (ravi, "Agreed by telephone")
    history = get(client, ravi, case).content.decode()
    assert "Agreed by telephone" in history
    assert "<b>reduce or taper</b>" in history


def test_an_incomplete_decision_keeps_what_was_chosen(client, case, ravi):
    client.force_login(ravi)
    data = choices(case, reason="")
    response = client.post(reverse("case-decide", args=[case.pk]), data)
    assert response.status_code == 400
    text = response.content.decode()
    assert "choose a reason" in text
    assert '<option value="taper" selected>' in text
    assert "Agreed by telephone" in text
    assert not Decision.objects.exists()


def test_an_unreadable_date_is_named(client, case, ravi):
    client.force_login(ravi)
    flag = Flag.objects.open().filter(case=case).first()
    data = choices(case, **{f"until-{flag.pk}": "someday"})
    response = client.post(reverse("case-decide", args=[case.pk]), data)
    assert response.status_code == 400
    assert "such as 4 Dec 2026" in response.content.decode()


def test_a_stale_decision_is_told_and_nothing_is_lost(client, case, ravi, samira):
    data = choices(case)
    caseload.claim(case=case, by=ravi, seen=case.lock)
    client.force_login(ravi)
    response = client.post(reverse("case-decide", args=[case.pk]), data)
    assert response.status_code == 409
    text = response.content.decode()
    assert "changed" in text
    assert '<option value="taper" selected>' in text
    assert not Decision.objects.exists()


def test_a_decision_on_what_a_colleague_decided_does_not_claim_to_be_kept(
    client, case, ravi, samira
):
    data = choices(case)
    for user in (samira, ravi):
        client.force_login(user)
        response = client.post(reverse("case-decide", args=[case.pk]), data)
    assert response.status_code == 409
    assert "Not saved" in response.content.decode()
    assert "is still here" not in response.content.decode()


def test_a_refused_snooze_keeps_what_was_typed(client, case, ravi):
    client.force_login(ravi)
    typed = {"seen": case.lock, "until": "+300d", "reason": "Waits for a letter"}
    response = client.post(reverse("case-snooze", args=[case.pk]), typed)
    assert response.status_code == 400
    text = response.content.decode()
    assert 'name="until" value="+300d"' in text
    assert text.count('value="Waits for a letter"') == 1


def test_an_urgent_matter_starts_empty_and_the_others_on_another_look(client, several, ravi):
    response = get(client, ravi, several)
    answers = response.context["form"].answers
    cards = response.context["cards"]
    assert [card.urgent for card in cards] == [True, True, False]
    started = {card.matter.key: answers[card.matter.key].answer.pick for card in cards}
    assert started["opioid"] == started["length"] == decision.EMPTY
    assert (started["beside"].outcome, started["beside"].reason) == ("review", "looked_at")
    assert started["beside"].until == f"{make.day(28):%-d %b %Y}"


def test_a_routine_case_is_decided_as_it_stands(client, case, ravi):
    """What the form starts from can be sent as it is, and says so."""
    form = get(client, ravi, case).content.decode()
    assert "Pre-set." in form
    sent = fields(form)
    client.post(reverse("case-decide", args=[case.pk]), sent)
    kept = Decision.objects.get().items.values_list("outcome", "until")
    assert {outcome for outcome, _ in kept} == {"review"}
    assert max(until for _, until in kept) <= make.day(90)


def fields(page):
    """What the decision form holds, as a browser would send it."""
    form = page[page.index('<form class="panel decision"') :]
    form = form[: form.index("</form>")]
    sent = dict(re.findall(r'<input [^>]*name="((?:seen|until)[^"]*)" value="([^"]*)"', form))
    for name, pk in re.findall(r'name="(of-[^"]+)" value="(\d+)"', form):
        sent.setdefault(name, []).append(pk)
    for name, options in re.findall(r'<select name="([^"]+)"(.*?)</select>', form, re.DOTALL):
        sent[name] = "".join(re.findall(r'value="([^"]*)" selected', options))
    return sent


def test_a_case_of_somebody_not_checked_says_so(client, case, clara, ravi):
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
    ScreeningRequest.objects.update(requested_at=timezone.now() - timedelta(minutes=9))
    text = get(client, ravi, case).content.decode()
    assert "<b>NOT CHECKED.</b>" in text
    assert "may miss what changed since" in text


def test_to_taper_leads_to_the_plan(client, case, ravi, audrey):
    assert reverse("taper-plan", args=[case.patient_id]) in get(client, ravi, case).content.decode()
    assert "Plan the taper" not in get(client, audrey, case).content.decode()


class TestTheSecondPerson:
    @pytest.fixture
    def waiting(self, client, harbour, clara, ravi):
        urgent = make.urgent_case(harbour, logged_by=clara)
        client.force_login(ravi)
        data = choices(urgent, "continue", "benefit_outweighs")
        told = client.post(reverse("case-decide", args=[urgent.pk]), data, follow=True)
        assert "Proposed, for a second person" in told.content.decode()
        urgent.refresh_from_db()
        assert urgent.state == CaseState.PROPOSED
        return urgent

    def test_the_proposer_sees_who_can_confirm(self, client, waiting, ravi, samira):
        text = get(client, ravi, waiting).content.decode()
        assert "Samira Okafor can confirm it or send it back" in text
        assert "Take the proposal back" in text
        assert reverse("case-confirm", args=[waiting.pk]) not in text
        assert "data-submit>Decide" not in text

    def test_nobody_else_there_is_said(self, client, waiting, ravi):
        assert "Nobody else reviews at" in get(client, ravi, waiting).content.decode()

    def test_where_one_reviews_alone_what_takes_two_is_not_among_the_outcomes(
        self, client, harbour, clara, ravi
    ):
        urgent = make.urgent_case(harbour, logged_by=clara)
        takes_two = {"continue", "exempt", "not_relevant"}
        text = get(client, ravi, urgent).content.decode()
        assert "nobody else can confirm it at Harbour Street Surgery" in text
        # clara prescribed the morphine: she reviews here now, and still cannot be the second.
        make.person("clara", harbour, "clinician", "reviewer")
        assert not takes_two & offered(get(client, ravi, urgent))
        make.person("samira", harbour)
        text = get(client, ravi, urgent).content.decode()
        assert "this will be proposed to Samira Okafor." in text
        assert {"continue", "not_relevant"} <= offered(get(client, ravi, urgent))

    def test_the_second_sends_back_and_only_the_proposer_takes_back(
        self, client, waiting, ravi, samira
    ):
        theirs, own = ("case-confirm", "case-send-back"), ("case-undo",)
        for user, may, may_not in ((samira, theirs, own), (ravi, own, theirs)):
            text = get(client, user, waiting).content.decode()
            assert all(reverse(name, args=[waiting.pk]) in text for name in may), user
            assert not any(reverse(name, args=[waiting.pk]) in text for name in may_not), user

    def test_who_prescribed_it_may_send_it_back_and_not_confirm(self, client, waiting, samira):
        clara = make.person("clara", waiting.practice, "clinician", "reviewer")
        text = get(client, clara, waiting).content.decode()
        assert "Samira Okafor can confirm it" in text
        assert reverse("case-send-back", args=[waiting.pk]) in text
        assert reverse("case-confirm", args=[waiting.pk]) not in text

    def test_a_colleague_confirms_and_the_note_is_read_by_all(self, client, waiting, samira, clara):
        text = get(client, samira, waiting).content.decode()
        assert "Agreed by telephone" in text
        assert "data-submit>Confirm" in text
        client.post(
            reverse("case-confirm", args=[waiting.pk]),
            {"seen": waiting.lock, "note": "Seen the letter"},
        )
        waiting.refresh_from_db()
        assert waiting.state == CaseState.DECIDED
        read = get(client, clara, waiting).content.decode()
        assert "Seen the letter" in read
        assert "Agreed by telephone" in read
        assert "Undo" not in read

    def test_sent_back_the_reason_stands_in_the_history(self, client, waiting, ravi, samira):
        client.force_login(samira)
        address = reverse("case-send-back", args=[waiting.pk])
        refused = client.post(address, {"seen": waiting.lock, "reason": ""})
        assert refused.status_code == 400
        client.post(address, {"seen": waiting.lock, "reason": "No naloxone offer yet"})
        text = get(client, ravi, waiting).content.decode()
        assert "No naloxone offer yet" in text
        assert "data-submit>Decide" in text

    def test_an_answer_from_a_second_window_is_told(self, client, waiting, samira):
        client.force_login(samira)
        stale = {"seen": waiting.lock - 1, "reason": "Wait"}
        for name in ("case-confirm", "case-send-back", "case-undo"):
            response = client.post(reverse(name, args=[waiting.pk]), stale)
            assert response.status_code == 409, name
        waiting.refresh_from_db()
        assert waiting.state == CaseState.PROPOSED

    def test_the_queue_says_whom_it_waits_for(self, client, waiting, ravi, samira):
        for user, said in ((samira, "Needs you"), (ravi, "Needs another")):
            client.force_login(user)
            text = client.get(reverse("queue")).content.decode()
            assert said in text
            assert "Ravi Shah proposed" in text
            listed = client.get(reverse("queue"), {"due": "second"}).content.decode()
            assert (f'id="case-{waiting.pk}"' in listed) == (user == samira)


def test_undo_reopens_and_keeps_both(client, case, ravi):
    client.force_login(ravi)
    client.post(reverse("case-decide", args=[case.pk]), choices(case))
    case.refresh_from_db()
    assert "Undo: possible today" in get(client, ravi, case).content.decode()
    answer = client.post(
        reverse("case-undo", args=[case.pk]),
        {"seen": case.lock, "reason": "Wrong patient"},
        follow=True,
    )
    text = answer.content.decode()
    assert "Wrong patient" in text
    assert "taken back" in text
    assert "data-submit>Decide" in text
    case.refresh_from_db()
    assert case.state == CaseState.CLAIMED


def test_an_exemption_is_granted_from_the_page(client, case, ravi):
    flag = Flag.objects.open().get(case=case, rule_id="DUR-01")
    offered = get(client, ravi, case).content.decode()
    assert f'name="exemption-{flag.pk}"' in offered
    data = choices(
        case,
        **{
            f"exemption-{flag.pk}": "specialist",
            f"evidence-{flag.pk}": "Dr Osei, letter of 3 March",
            f"until-{flag.pk}": "+60d",
        },
    )
    data |= {f"outcome-{flag.pk}": "exempt", f"reason-{flag.pk}": "specialist_care"}
    client.post(reverse("case-decide", args=[case.pk]), data)
    exemption = Exemption.objects.get()
    assert (exemption.expires_on, exemption.owner) == (make.day(60), ravi)
    assert "Dr Osei, letter of 3 March" in get(client, ravi, case).content.decode()


class TestHowReviewersDecide:
    """n of N: from ten decisions on, data-wrong and another look aside."""

    @staticmethod
    def decided(place, by, logged_by, **picks):
        for outcome, (reason, count) in picks.items():
            for _ in range(count):
                case = make.flagged_case(place, logged_by=logged_by)
                given = [
                    conclusions.FlagOutcome(flag.pk, outcome, reason)
                    for flag in Flag.objects.open().filter(case=case)
                ]
                decide.decide(case=case, outcomes=given, by=by, seen=case.lock)

    def test_counted_from_ten_on(self, client, harbour, clara, ravi, case):
        self.decided(
            harbour,
            ravi,
            clara,
            taper=("agreed_with_patient", 6),
            **{"continue": ("benefit_outweighs", 3)},
            data_wrong=("quantity_wrong", 2),
            review=("looked_at", 2),
        )
        assert "plan changed in" not in get(client, ravi, case).content.decode()
        self.decided(harbour, ravi, clara, taper=("already_actioned", 1))
        cache.clear()
        assert "plan changed in 7 of 10" in get(client, ravi, case).content.decode()

    def test_one_taken_back_does_not_count(self, harbour, clara, ravi):
        self.decided(harbour, ravi, clara, taper=("already_actioned", 10))
        assert outcomes.by_rule()["DUR-01"] == (10, 10)
        last = Case.objects.latest("pk")
        decide.undo(case=last, reason="Slip", by=ravi, seen=last.lock)
        cache.clear()
        assert "DUR-01" not in outcomes.by_rule()

    def test_one_query_for_all_rules_and_then_none(self, rulebook, django_assert_num_queries):
        with django_assert_num_queries(1):
            outcomes.by_rule()
            outcomes.by_rule()


def test_ones_own_urgent_flag_is_for_another(client, harbour):
    both = make.person("both", harbour, "clinician", "reviewer")
    urgent = make.urgent_case(harbour, logged_by=both)
    text = get(client, both, urgent).content.decode()
    assert "Another reviewer must decide" in text
    assert "data-submit>Decide" not in text
    response = client.post(
        reverse("case-decide", args=[urgent.pk]), choices(urgent, note="Naloxone is at home")
    )
    assert response.status_code == 409
    assert "Naloxone is at home" in response.content.decode()
    assert not Decision.objects.exists()


def test_ones_own_urgent_flag_is_given_on_and_neither_kept_nor_hidden(client, harbour, samira):
    both = make.person("both", harbour, "clinician", "reviewer")
    urgent = make.urgent_case(harbour, logged_by=both)
    text = get(client, both, urgent).content.decode()
    assert reverse("case-escalate", args=[urgent.pk]) in text
    for name in ("case-claim", "case-snooze"):
        assert reverse(name, args=[urgent.pk]) not in text, name
    assert "data-submit" not in text


@pytest.mark.parametrize("state", ["snoozed", "escalated"])
def test_a_move_that_the_table_lacks_is_not_offered(client, case, ravi, state):
    if state == "snoozed":
        caseload.snooze(case=case, until=make.day(2), reason="Letter", by=ravi, seen=case.lock)
        lacks, has = "case-snooze", "case-escalate"
    else:
        caseload.escalate(case=case, to="clinician", reason="Call", by=ravi, seen=case.lock)
        lacks, has = "case-escalate", "case-claim"
    text = get(client, ravi, case).content.decode()
    assert reverse(lacks, args=[case.pk]) not in text
    assert reverse(has, args=[case.pk]) in text


class TestTheCaseMovedOn:
    """Whatever a form meets, the page of the case answers, and what was typed stands on it."""

    NOTE = "Spoke with her daughter; she keeps the tablets"

    def sent(self, client, case, name, **changes):
        typed = {"note": self.NOTE, "reason": self.NOTE, "until": "+2d", "to": "clinician"}
        return client.post(reverse(name, args=[case.pk]), {**choices(case), **typed, **changes})

    @pytest.mark.parametrize(
        "name",
        ["case-decide", "case-snooze", "case-escalate", "case-confirm", "case-send-back"],
    )
    def test_a_colleague_decided_it(self, client, case, ravi, samira, name):
        client.force_login(samira)
        client.post(reverse("case-decide", args=[case.pk]), choices(case))
        client.force_login(ravi)
        response = self.sent(client, case, name)
        assert response.status_code == 409
        assert "Decided" in response.content.decode()
        assert self.NOTE in response.content.decode()

    def test_a_colleague_claimed_it(self, client, case, ravi, samira):
        caseload.claim(case=case, by=samira, seen=case.lock)
        client.force_login(ravi)
        response = self.sent(client, case, "case-decide")
        assert response.status_code == 409
        assert f"{self.NOTE}</textarea>" in response.content.decode()
        # Even where the newest state was seen, a colleague's case is a colleague's.
        case.refresh_from_db()
        response = self.sent(client, case, "case-decide", seen=case.lock)
        assert "Take it over first" in response.content.decode()
        assert f"{self.NOTE}</textarea>" in response.content.decode()

    def test_what_screening_closed(self, client, case, clara, ravi):
        data = {**choices(case), "note": self.NOTE}
        held = case.patient.prescriptions.get()
        prescribe.withdraw(
            prescription=held, status="entered-in-error", reason="other patient", by=clara
        )
        screen.drain()
        client.force_login(ravi)
        response = client.post(reverse("case-decide", args=[case.pk]), data)
        assert response.status_code == 409
        assert self.NOTE in response.content.decode()

    def test_it_is_told_whose_page_was_shown(self, client, case, ravi, samira):
        caseload.claim(case=case, by=samira, seen=case.lock)
        client.force_login(ravi)
        self.sent(client, case, "case-decide")
        opened = AuditEvent.objects.filter(verb="record.opened")
        assert opened.get().patient_id == case.patient_id


class TestUntilItIsChecked:
    """A page that says NOT CHECKED asks by itself until it is true."""

    @pytest.fixture
    def unchecked(self, case, clara):
        make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
        return case

    def asked(self, client, case):
        page = reverse("case", args=[case.pk])
        answer = client.get(reverse("patient-checked", args=[case.patient_id]), {"page": page})
        return answer.content.decode()

    def test_it_asks_while_it_is_not_and_then_leads_to_the_page(self, client, unchecked, ravi):
        text = get(client, ravi, unchecked).content.decode()
        address = reverse("patient-checked", args=[unchecked.patient_id])
        assert f'hx-get="{address}?page=/cases/{unchecked.pk}"' in text
        assert "NOT CHECKED" in self.asked(client, unchecked)
        assert "every 3s" in self.asked(client, unchecked)
        screen.drain()
        text = self.asked(client, unchecked)
        assert "NOT CHECKED" not in text
        assert "every 3s" not in text
        assert f'<a href="/cases/{unchecked.pk}">show it as it is now</a>' in text
        # The notice in the page goes with it: the two never contradict one another.
        assert 'id="not-checked-notice" class="notice" hx-swap-oob="outerHTML"' in text

    def test_it_asks_for_the_page_with_its_query(self, client, unchecked, ravi):
        client.force_login(ravi)
        text = client.get(reverse("case", args=[unchecked.pk]), {"a": "1", "b": "2"}).content
        assert f"?page=/cases/{unchecked.pk}%3Fa%3D1%26b%3D2" in text.decode()
        # Where a form was refused the page is not that of the form's address.
        refused = client.post(reverse("case-snooze", args=[unchecked.pk]), {"seen": "0"})
        assert f'?page=/cases/{unchecked.pk}"' in refused.content.decode()

    def test_a_checked_page_asks_nothing(self, client, case, ravi):
        assert "every 3s" not in get(client, ravi, case).content.decode()

    def test_asking_shows_nobody_and_is_not_told(self, client, unchecked, ravi, harbour, lakeside):
        client.force_login(ravi)
        text = self.asked(client, unchecked)
        assert unchecked.patient.family_name not in text
        assert not AuditEvent.objects.filter(verb="record.opened").exists()
        stranger = make.person("stranger", lakeside, "reviewer")
        client.force_login(stranger)
        address = reverse("patient-checked", args=[unchecked.patient_id])
        assert client.get(address).status_code == 404

    @pytest.mark.parametrize("page", ["//elsewhere.example", "javascript:alert(1)", ""])
    def test_it_leads_nowhere_else(self, client, case, ravi, page):
        client.force_login(ravi)
        address = reverse("patient-checked", args=[case.patient_id])
        text = client.get(address, {"page": page}).content.decode()
        assert f'href="{reverse("patient", args=[case.patient_id])}"' in text
        assert page == "" or page not in text

    def test_saving_does_not_claim_what_is_not_true(self, client, case, clara):
        client.force_login(clara)
        answer = client.post(
            reverse("patient-reading", args=[case.patient_id, "egfr"]),
            {"answer": "58", "on": "-1d"},
            follow=True,
        )
        text = answer.content.decode()
        assert "being checked again" in text
        assert "checked again now" not in text
        assert "NOT CHECKED" in text


def test_claim_release_snooze_escalate(client, case, ravi):
    client.force_login(ravi)
    steps = [
        ("case-claim", {}, CaseState.CLAIMED),
        ("case-release", {}, CaseState.QUEUED),
        ("case-escalate", {"to": "clinician", "reason": "Please call"}, CaseState.ESCALATED),
        ("case-claim", {}, CaseState.CLAIMED),
        ("case-snooze", {"until": "+7d", "reason": "Letter due"}, CaseState.SNOOZED),
    ]
    for name, data, state in steps:
        case.refresh_from_db()
        response = client.post(reverse(name, args=[case.pk]), {"seen": case.lock, **data})
        assert response.status_code == 302, name
        case.refresh_from_db()
        assert case.state == state, name
    assert "Letter due" in get(client, ravi, case).content.decode()


def test_a_snooze_too_long_says_the_last_day(client, case, ravi):
    client.force_login(ravi)
    data = {"seen": case.lock, "until": "+400d", "reason": "Later"}
    response = client.post(reverse("case-snooze", args=[case.pk]), data)
    assert response.status_code == 400
    assert "not after" in response.content.decode()


@pytest.mark.parametrize(("who", "may"), [("clara", False), ("audrey", False), ("ravi", True)])
def test_who_is_offered_the_decision(client, case, who, may, request):
    text = get(client, request.getfixturevalue(who), case).content.decode()
    assert ("data-submit>Decide" in text) == may


def test_another_practice_finds_nothing(client, case, lakeside):
    stranger = make.person("stranger", lakeside, "reviewer")
    assert get(client, stranger, case).status_code == 404


def test_a_reviewer_may_not_be_impersonated_by_a_clinician(client, case, clara):
    client.force_login(clara)
    response = client.post(reverse("case-decide", args=[case.pk]), choices(case))
    assert response.status_code == 403


def test_three_hundred_prescriptions_ask_no_more_and_stay_readable(
    client, harbour, ehr, ravi, django_assert_max_num_queries
):
    """The same queries as with ten; old lines are folded and old medicines are named."""
    names = ("Diazepam", "Morphine", "Sertraline", "Mirtazapine", "Promethazine")

    def send(count):
        batch = [
            sent.prescription(
                source_id=f"rx-{n}",
                medicine=f"{names[n % 5]} 10 mg tablets",
                codings=[],
                start_on=f"{make.day(-(n // 5) * 28 - 7)}",
                days_supply=28,
            )
            for n in range(count)
        ]
        sync.prescriptions(rows=enumerate(batch), source_system="ehr", by=ehr)
        screen.drain()
        case = Case.objects.open().get()
        get(client, ravi, case)  # reads the rule book and the medicines once
        with django_assert_max_num_queries(30) as counted:
            response = client.get(reverse("case", args=[case.pk]))
        return len(counted), response

    few, _ = send(10)
    many, response = send(300)
    assert many == few
    medicines = response.context["medicines"]
    assert len(medicines.now) + len(medicines.before) == 300
    assert len(medicines.now) < 60
    assert "that ended longer ago" in response.content.decode()
    assert len(response.context["picture"].lanes) <= MOST_LANES


@pytest.fixture
def several(harbour, clara):
    """Long use at 79, with morphine since yesterday: two urgent matters, and one that is not."""
    return make.case_of_three_matters(harbour, logged_by=clara)


def by_matter(case, **changes):
    """What the form sends when each matter is answered and none is split."""
    flags = list(Flag.objects.open().filter(case=case))
    data = {f"{name}-{flag.pk}": "" for flag in flags for name in ("outcome", "reason", "until")}
    for matter in matters(flags, Told(make.day())):
        key = matter.key if len(matter.findings) > 1 else matter.findings[0].pk
        data |= {f"of-{matter.key}": [flag.pk for flag in matter.findings]}
        data |= {f"outcome-{key}": "taper", f"reason-{key}": "agreed_with_patient"}
        data |= {f"until-{key}": "+14d"}
    return {**data, "seen": case.lock, **changes}


def decided(client, case, by, data):
    client.force_login(by)
    response = client.post(reverse("case-decide", args=[case.pk]), data)
    return response, {
        item.flag.rule_id: item for item in DecisionItem.objects.select_related("flag")
    }


class TestOneOutcomeAMatter:
    def test_every_finding_of_a_matter_gets_it(self, client, several, ravi):
        page = get(client, ravi, several).context
        assert page["flag_count"] > len(page["cards"]) + 3
        _, items = decided(client, several, ravi, by_matter(several))
        assert len(items) == page["flag_count"]
        assert {item.outcome for item in items.values()} == {"taper"}
        assert {item.until for item in items.values()} == {make.day(14)}

    def test_one_of_its_findings_can_be_answered_apart(self, client, several, ravi):
        own = Flag.objects.open().get(case=several, rule_id="REV-01")
        apart = {f"outcome-{own.pk}": "refer", f"reason-{own.pk}": "service_needed"}
        _, items = decided(client, several, ravi, by_matter(several, **apart))
        assert items.pop("REV-01").outcome == "refer"
        assert {item.outcome for item in items.values()} == {"taper"}

    def test_a_matter_without_an_answer_is_named_and_the_rest_kept(self, client, several, ravi):
        data = by_matter(several, **{"outcome-length": "", "reason-length": ""})
        response, items = decided(client, several, ravi, data)
        assert response.status_code == 400
        text = html.unescape(response.content.decode())
        assert ": choose an outcome" in text
        assert 'href="#decide-length"' in text
        assert 'id="refused-length"' in text
        assert response.context["form"].answers["opioid"].answer.pick.outcome == "taper"
        assert not items

    def test_a_finding_refused_apart_is_shown_open(self, client, several, ravi):
        own = Flag.objects.open().get(case=several, rule_id="REV-01")
        apart = {f"outcome-{own.pk}": "refer", f"reason-{own.pk}": ""}
        response, items = decided(client, several, ravi, by_matter(several, **apart))
        assert response.status_code == 400
        text = response.content.decode()
        assert f'href="#decide-{own.pk}"' in text
        assert f'id="refused-{own.pk}"' in text
        assert response.context["form"].answers["length"].opens
        assert not items

    def test_another_matter_can_be_as_the_first(self, client, several, ravi):
        offered = get(client, ravi, several).content.decode()
        assert offered.count('value="as:opioid"') == 2
        data = by_matter(several)
        data |= {"outcome-opioid": "refer", "reason-opioid": "service_needed"}
        data |= {"outcome-length": "as:opioid", "reason-length": "", "until-length": ""}
        _, items = decided(client, several, ravi, data)
        assert items["DUR-04"].outcome == "refer"
        assert items["DUR-04"].reason == "service_needed"
        assert items["DUR-04"].until == make.day(14)
        assert items["ADP-02"].outcome == "taper"

    def test_as_a_matter_that_is_not_there_is_no_answer(self, client, several, ravi):
        response, items = decided(
            client, several, ravi, by_matter(several, **{"outcome-length": "as:nothing"})
        )
        assert response.status_code == 400
        assert not items

    def test_a_whole_matter_is_exempted_only_where_that_changes_all_of_it(
        self, client, several, ravi, samira
    ):
        cards = get(client, ravi, several).context["cards"]
        length = next(card for card in cards if card.matter.key == "length")
        each = [{kind for kind, _ in line.exemptions} for line in length.lines]
        assert {kind for kind, _ in length.exemptions} == set.intersection(*each)
        assert ("exempt" in dict(length.outcomes)) == bool(length.exemptions)
        assert "review" not in dict(length.outcomes)

    def test_what_is_pre_set_otherwise_is_split(self, client, harbour, clara, ravi):
        """Data that lack something, and a list that lacks something, want different outcomes."""
        unclear = make.patient(harbour, clara)
        make.prescription(unclear, clara, "Relaxonel 10 mg tablets", start=-3, days=14)
        make.prescription(
            unclear,
            clara,
            "Diazepam 20 mg tablets",
            start=-3,
            days=14,
        )
        screen.drain()
        case = Case.objects.open().get(patient=unclear)
        form = get(client, ravi, case).context["form"]
        given = form.answers["unrecognised"]
        assert given.answer.pick.outcome == "data_wrong"
        assert [answer.pick.outcome for answer in given.apart.values()] == ["", "review"]
        assert given.opens


def test_a_matter_is_said_once_with_what_is_true_today(client, several, ravi):
    page = words(get(client, ravi, several))
    assert "Matters 3, from" in page
    assert "At 79, diazepam has been supplied since" in page
    assert "131 days of supply so far" in page
    assert page.count("Length of use, older person") >= 1


def test_the_findings_of_a_matter_keep_their_numbers_and_sources(client, several, ravi):
    text = get(client, ravi, several).content.decode()
    for flag in Flag.objects.open().filter(case=several):
        assert f'id="flag-{flag.pk}"' in text
        assert escape(flag.sentence) in text
        assert escape(flag.clears) in text


def test_who_it_is_about_stands_above(client, several, ravi, clara):
    prescribe.record_condition(
        patient=several.patient,
        record=records.ConditionRecord(text="Osteoarthritis of both knees"),
        by=clara,
    )
    page = words(get(client, ravi, several))
    assert "Osteoarthritis of both knees" in page
    assert "Last structured review none recorded" in page
    assert "Prescribed by Clara Moreau, clinician: morphine, diazepam" in page
    assert "Notes on the patient none" in page


def test_who_prescribes_is_reached_from_the_page(client, several, ravi, clara):
    several.practice.telephone = "+44 1632 960140"
    several.practice.save()
    response = get(client, ravi, several)
    assert '<a class="nowrap" href="tel:+441632960140">+44 1632 960140</a>' in (
        response.content.decode()
    )
    assert '<a href="mailto:clara@example.org">' in response.content.decode()
    # Whoever left is no longer reached there.
    clara.memberships.all().delete()
    text = get(client, ravi, several).content.decode()
    assert "mailto:clara" not in text
    assert "(not of Harbour Street Surgery)" in text


def test_the_readings_are_those_that_the_rules_used_and_their_age(client, several, ravi, clara):
    """Naloxone is asked for by OPI-03; eGFR of everybody; an old answer says that it is one."""
    for kind, day, answer in (
        ("egfr", -3, {"value": 58}),
        ("naloxone", -400, {"text": "supplied"}),
        ("audit_c", -2, {"value": 3}),
    ):
        observe.record_reading(
            patient=several.patient,
            record=records.ReadingRecord(kind=kind, on=make.day(day), **answer),
            by=clara,
        )
    about = get(client, ravi, several).context["about"]
    used = {answer.reading.kind: answer.counts for answer in about.used}
    assert used["egfr"]
    assert used["naloxone"] is False
    assert "audit_c" in {answer.reading.kind for answer in about.readings}
    page = words(get(client, ravi, several))
    assert "Kidney function (eGFR): 58 mL/min/1.73m2" in page
    assert "too old to count" in page
    assert "Taper offered" in about.not_recorded
    assert "Taper offered" in page


def test_the_last_review_stands_with_its_age(client, several, ravi, clara):
    observe.record_reading(
        patient=several.patient,
        record=records.ReadingRecord(kind="review", on=make.day(-41), text="continue"),
        by=clara,
    )
    assert "41 days ago" in words(get(client, ravi, several))


class TestNotesOnThePatient:
    def write(self, user, on, text="Wife died in June. Daughter nearby.", **more):
        address = reverse("patient-note-write", args=[on.patient_id])
        return Browser(user).post(address, text=text, **more)

    def test_it_is_written_on_the_case_and_read_there_and_on_the_patient(
        self, client, case, ravi, clara
    ):
        answer = self.write(ravi, case, case=case.pk)
        assert answer["Location"] == reverse("case", args=[case.pk])
        for address in (answer["Location"], reverse("patient", args=[case.patient_id])):
            page = Browser(clara).read(address)
            assert "Wife died in June. Daughter nearby." in page
            assert "Ravi Shah" in page

    def test_a_wrong_one_is_struck_and_stays_to_be_read(self, client, case, ravi, clara):
        self.write(ravi, case)
        note = PatientNote.objects.get()
        address = reverse("patient-note-strike", args=[case.patient_id, note.pk])
        Browser(clara).post(address, reason="Of somebody else")
        assert "Wife died" not in words(get(client, ravi, case))
        page = Browser(ravi).get(reverse("patient", args=[case.patient_id]))
        assert "<s>“Wife died in June. Daughter nearby.”</s>" in page.content.decode()
        assert "Struck by Clara Moreau" in words(page)
        assert "Of somebody else" in words(page)

    def test_an_auditor_reads_and_does_not_write(self, client, case, audrey):
        assert "Write a note" not in get(client, audrey, case).content.decode()
        assert self.write(audrey, case).status_code == 403

    def test_what_says_nothing_is_not_kept_and_what_is_too_long_is_not_lost(self, case, ravi):
        assert self.write(ravi, case, text="  ").status_code == 400
        long = "so much to say " * 200
        refused = self.write(ravi, case, text=long)
        assert refused.status_code == 400
        assert long.strip() in refused.content.decode()
        assert not PatientNote.objects.exists()


def test_a_reason_given_at_prescribing_stands_on_the_card(client, harbour, clara, ravi):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-5)
    prescribe.log(
        patient=treated,
        record=make.record("Morphine 10 mg tablets", start=0, days=5, indication="pain"),
        by=clara,
        reason="Five days after surgery",
    )
    screen.drain()
    page = words(get(client, ravi, Case.objects.get()))
    card = page[page.index("With an opioid") :]
    assert "Reason given for Morphine 10 mg tablets: “Five days after surgery”" in card
    assert page.count("Five days after surgery") == 1, "on the card whose rule asks for it alone"
