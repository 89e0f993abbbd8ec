"""What became of cards: kept once, on the case and among what is said of the rules."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews.models import AuditEvent, FindingOpinion, HookCard, HookFeedback
from reviews.queries import case_history, opinions
from reviews.verbs import hooks, screen
from tests import make, signing
from tests.hooks.conftest import NUMBER, body, order
from tests.web.browse import Browser, words

AT = "2026-01-05T10:00:00Z"


@pytest.fixture
def card(ehr_hooks):
    return shown(ehr_hooks)


def shown(system, matter="length"):
    cards = system.cards("order-sign", body("order-sign", order(days=56)))
    return next(each for each in cards if each["source"]["topic"]["code"] == matter)


def overridden(card, code="known", **more):
    reason = {"code": code, "system": hooks.BECAUSE}
    return {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": {"reason": reason, "userComment": "well known"},
        "outcomeTimestamp": AT,
        **more,
    }


def accepted(card, **more):
    return {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": AT,
        **more,
    }


def test_an_override_reaches_the_statistics_of_each_rule_once(ehr_hooks, card, ada, harbour):
    rules = HookCard.objects.get(pk=card["uuid"]).rules
    item = overridden(card)
    assert ehr_hooks.feedback("order-sign", item, item).status_code == 200
    assert ehr_hooks.feedback("order-sign", item).status_code == 200
    told = HookFeedback.objects.get()
    assert (told.outcome, told.reason, told.comment) == ("overridden", "known", "well known")
    assert told.said_at.isoformat() == "2026-01-05T10:00:00+00:00"
    assert FindingOpinion.objects.count() == len(rules)
    counted = {row.rule_id: (row.times, row.becauses) for row in opinions.by_rule(ada)}
    assert counted == {rule: (1, [("Known already", 1)]) for rule in rules}
    assert AuditEvent.objects.filter(verb="hook.answered", practice_id=harbour.pk).count() == 1


def test_the_first_word_stands(ehr_hooks, card):
    ehr_hooks.feedback("order-sign", overridden(card))
    assert ehr_hooks.feedback("order-sign", accepted(card)).status_code == 200
    assert HookFeedback.objects.get().outcome == "overridden"


def test_what_was_accepted_is_kept_and_calls_nothing_unhelpful(ehr_hooks, card):
    assert ehr_hooks.feedback("order-sign", accepted(card)).status_code == 200
    assert HookFeedback.objects.get().accepted == [card["suggestions"][0]["uuid"]]
    assert not FindingOpinion.objects.exists()


@pytest.mark.parametrize(
    "why",
    [
        None,
        {"userComment": "no time"},
        {"reason": {"code": "theirs", "system": "https://ehr.example/reasons"}},
        {"reason": {"code": "known", "system": "https://ehr.example/reasons"}},
    ],
)
def test_an_override_without_a_reason_of_ours_is_kept_and_not_counted(ehr_hooks, card, why):
    item = overridden(card) | {"overrideReason": why}
    assert ehr_hooks.feedback("order-sign", item).status_code == 200
    assert HookFeedback.objects.get().outcome == "overridden"
    assert not FindingOpinion.objects.exists()


def test_a_reason_without_a_system_is_ours(ehr_hooks, card):
    item = overridden(card) | {"overrideReason": {"reason": {"code": "short"}}}
    ehr_hooks.feedback("order-sign", item)
    assert {each.because for each in FindingOpinion.objects.all()} == {"short"}


def test_unknown_cards_are_named_and_the_others_kept(ehr_hooks, card):
    nobody = overridden({"uuid": "0a6f4f8e-7c1f-4c64-8d6f-000000000000"})
    answer = ehr_hooks.feedback("order-sign", nobody, overridden(card), nobody)
    assert answer.status_code == 404
    issues = answer.json()["issue"]
    assert [issue["expression"] for issue in issues] == [["feedback[0].card"], ["feedback[2].card"]]
    assert HookFeedback.objects.count() == 1


def test_a_card_of_another_system_or_service_is_unknown(ehr_hooks, card, register):
    other = register(
        name="Other", hook_issuer="https://other.example", source_system="x", key=signing.rsa()
    )
    assert other.feedback("order-sign", overridden(card)).status_code == 404
    assert ehr_hooks.feedback("order-select", overridden(card)).status_code == 404
    assert not HookFeedback.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"card": "seven"}, "card"),
        ({"card": None}, "card"),
        ({"outcome": "ignored"}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"outcome": "accepted"}, "acceptedSuggestions"),
        ({"outcomeTimestamp": None}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "yesterday"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-01-05T10:00:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-13-05T10:00:00Z"}, "outcomeTimestamp"),
        ({"overrideReason": "known"}, "overrideReason"),
        ({"overrideReason": {"userComment": "x" * 1001}}, "overrideReason.userComment"),
    ],
)
def test_a_fault_is_named_with_its_index_and_the_others_are_kept(ehr_hooks, card, changes, field):
    answer = ehr_hooks.feedback("order-sign", overridden(card) | changes, overridden(card))
    assert answer.status_code == 400
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == [f"feedback[0].{field}"]
    assert HookFeedback.objects.count() == 1


@pytest.mark.parametrize("junk", [{}, {"feedback": []}, {"feedback": {}}, [], {"feedback": [1]}])
def test_junk_is_refused(ehr_hooks, junk):
    answer = ehr_hooks.post("/cds-services/order-sign/feedback", junk)
    assert answer.status_code == 400
    assert answer.json()["issue"]


def test_a_time_to_come_is_now_at_the_latest(ehr_hooks, card):
    ehr_hooks.feedback("order-sign", overridden(card, outcomeTimestamp="2199-01-01T00:00:00Z"))
    assert HookFeedback.objects.get().said_at <= timezone.now()


def test_it_stands_in_the_history_of_the_case(ehr_hooks, harbour, clara, ravi):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    make.prescription(bell, clara, start=-40, days=56)
    screen.drain()
    case = bell.cases.get()
    cards = ehr_hooks.cards("patient-view", body("patient-view"))
    ehr_hooks.feedback("patient-view", overridden(cards[0]))
    told = [row.feedback for row in case_history.history(case) if row.feedback]
    assert [each.card.patient for each in told] == [bell]
    page = words(Browser(ravi).get(f"/cases/{case.pk}"))
    assert "Overridden in Record system" in page
    assert "because: known already" in page
    assert "well known" in page


def test_only_words_wait_for_an_answer(ehr_hooks, card, ada):
    ehr_hooks.feedback(
        "order-sign", overridden(card) | {"overrideReason": {"reason": {"code": "short"}}}
    )
    assert not opinions.unanswered(ada).exists()
    ehr_hooks.feedback("order-sign", overridden(shown(ehr_hooks)))
    assert opinions.unanswered(ada).exists()


def test_old_cards_are_dropped_and_those_that_were_answered_stay(ehr_hooks, card):
    ehr_hooks.feedback("order-sign", overridden(card))
    assert HookCard.objects.count() > 1
    hooks.forget()
    assert HookCard.objects.count() > 1
    later = timezone.now() + hooks.KEPT + timedelta(days=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: later)
        hooks.forget()
    assert [str(each.pk) for each in HookCard.objects.all()] == [card["uuid"]]


# -- Not twice -----------------------------------------------------------------------------------

CACHE = {"cache-for-order-sign-filtering": True}
LEAVE_OUT = {"filter-out-repeated-alerts": True}


def asked(hook, items, **changes):
    draft = order(days=56)
    return body(hook, draft, extension={"configuration-items": items}, **changes)


@pytest.mark.parametrize(
    ("at_choice", "at_signature", "again"),
    [(CACHE, LEAVE_OUT, False), ({}, LEAVE_OUT, True), (CACHE, {}, True), ({}, {}, True)],
)
def test_a_card_comes_once_where_both_are_asked_for(ehr_hooks, at_choice, at_signature, again):
    first = ehr_hooks.cards("order-select", asked("order-select", at_choice))
    assert first
    second = ehr_hooks.cards("order-sign", asked("order-sign", at_signature))
    assert bool(second) == again


def test_what_is_new_at_the_signature_comes(ehr_hooks):
    ehr_hooks.cards("order-select", asked("order-select", CACHE))
    call = asked("order-sign", LEAVE_OUT)
    call["context"]["draftOrders"]["entry"].append(
        {"resource": order("o2", "Morphine 10 mg tablets")}
    )
    codes = {card["source"]["topic"]["code"] for card in ehr_hooks.cards("order-sign", call)}
    assert "opioid" in codes
    assert "length" not in codes


@pytest.mark.parametrize(
    "other", [{"userId": "Practitioner/dr2"}, {"encounterId": "e2"}], ids=["user", "encounter"]
)
def test_somebody_else_is_told_again(ehr_hooks, other):
    ehr_hooks.cards("order-select", asked("order-select", CACHE))
    assert ehr_hooks.cards("order-sign", asked("order-sign", LEAVE_OUT, context=other))
