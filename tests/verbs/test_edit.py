"""Changes to the formulary: on whose word, by whom, and never to the published book."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

from drugs.models import (
    DrugClass,
    DrugFact,
    Equivalent,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    Limit,
    Pair,
)
from reviews import rulebooks, rules
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, RuleVersion, ScreeningRequest
from reviews.verbs import edit, publish
from tests import make


def citation(**changes):
    return edit.Citation(
        **{
            "source": "UK SmPC, diazepam 5 mg tablets",
            "locator": "section 4.2",
            "next_review": make.day(180),
            **changes,
        }
    )


@pytest.fixture
def limit(rulebook):
    return Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")


def revise(row, by, *, values=None, **changes):
    return edit.revise(
        row=row,
        values={"mg_per_day": Decimal(25)} if values is None else values,
        citation=citation(**changes),
        seen=row.changed_at,
        by=by,
    )


def test_a_change_says_who_says_so_and_what_it_was(limit, ada):
    before = limit.mg_per_day
    revised = revise(limit, ada, note="lower since the revision")
    assert (revised.mg_per_day, revised.source) == (25, "UK SmPC, diazepam 5 mg tablets")
    assert (revised.reviewed, revised.next_review) == (make.day(), make.day(180))
    assert not revised.verified
    event = AuditEvent.objects.get(verb="formulary.revised")
    assert (event.actor, event.subject) == ("Ada Lindqvist", f"limit {limit.pk}")
    assert event.detail["row"] == "diazepam, UK, adult"
    assert event.detail["before"]["mg_per_day"] == f"{before.normalize():f}"
    assert event.detail["after"]["mg_per_day"] == "25"
    assert event.detail["after"]["note"] == "lower since the revision"


def test_the_published_book_and_the_patients_are_left_alone(limit, ada):
    live = RuleVersion.objects.get(state="published")
    revise(limit, ada)
    assert RuleVersion.objects.get(state="published").book == live.book
    assert rulebooks.live()[1].drugs["diazepam"].max_mg_per_day["UK"]["adult"] == float(
        live.book["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"]
    )
    assert not ScreeningRequest.objects.exists()
    assert publish.pending_changes()["drugs"] == ["diazepam"]


@pytest.mark.parametrize("who", ["clara", "ravi", "audrey", "ehr"])
def test_only_a_formulary_admin_edits(who, limit, harbour):
    by = make.person(who, harbour)
    with pytest.raises(NotAllowed):
        revise(limit, by)
    with pytest.raises(NotAllowed):
        edit.retire(row=limit, reason="gone", seen=limit.changed_at, by=by)
    with pytest.raises(NotAllowed):
        edit.add(
            model=Limit,
            ingredient=limit.ingredient,
            values={"profile": "UK", "context": "x", "mg_per_day": 1},
            citation=citation(),
            by=by,
        )
    assert not AuditEvent.objects.filter(verb__startswith="formulary.").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": " "}, "source"),
        ({"locator": ""}, "locator"),
        ({"next_review": None}, "next_review"),
        ({"next_review": make.on_day(0)}, "next_review"),
        ({"next_review": make.on_day(-1)}, "next_review"),
        ({"next_review": make.on_day(367)}, "next_review"),
    ],
)
def test_a_change_without_a_proper_citation_is_refused(changes, field, limit, ada):
    with pytest.raises(BadRecord) as refused:
        revise(limit, ada, **changes)
    assert refused.value.field == field
    assert Limit.objects.get(pk=limit.pk).mg_per_day == limit.mg_per_day
    assert not AuditEvent.objects.filter(verb="formulary.revised").exists()


@pytest.mark.parametrize("days", [1, 366])
def test_a_review_tomorrow_or_a_year_ahead_is_accepted(days, limit, ada):
    assert revise(limit, ada, next_review=make.day(days)).next_review == make.day(days)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"mg_per_day": Decimal(0)}, ""),
        ({"mg_per_day": Decimal(-5)}, ""),
        ({"mg_per_day": None}, "mg_per_day"),
        ({"profile": "US"}, "profile"),
    ],
)
def test_an_impossible_value_is_refused(values, field, limit, ada):
    with pytest.raises(BadRecord) as refused:
        revise(limit, ada, values=values)
    assert refused.value.field == field
    assert Limit.objects.get(pk=limit.pk).mg_per_day == limit.mg_per_day


def test_two_admins_at_once_one_is_told(limit, ada, adam):
    shown = limit.changed_at
    revise(limit, ada)
    with pytest.raises(Stale):
        edit.revise(
            row=limit,
            values={"mg_per_day": Decimal(20)},
            citation=citation(),
            seen=shown,
            by=adam,
        )
    assert Limit.objects.get(pk=limit.pk).mg_per_day == 25


def test_reading_the_source_oneself_signs_the_row_off(limit, ada):
    signed = revise(limit, ada, read_by_me=True)
    assert signed.verified
    assert signed.verified_by == ada
    again = revise(signed, ada)
    assert not again.verified
    assert again.verified_by is None


def test_severities_and_status_are_edited_the_same_way(rulebook, ada):
    rows = {
        DrugClass.objects.get(key="gabapentinoid"): {"severity": 1},
        Pair.objects.live().first(): {"severity": 4},
        IngredientClass.objects.live().filter(level="class").first(): {"severity": 3},
        DrugFact.objects.get(ingredient__key="diazepam", kind="band"): {"value": "intermediate"},
        FormularyStatus.objects.live().first(): {"status": "restricted", "reason": "tapers only"},
        Equivalent.objects.live().first(): {"mg": Decimal(7), "mg_high": Decimal(8)},
    }
    for row, values in rows.items():
        revised = revise(row, ada, values=values)
        for name, value in values.items():
            assert getattr(revised, name) == value
    assert AuditEvent.objects.filter(verb="formulary.revised").count() == len(rows)


def test_a_band_nobody_knows_is_refused(rulebook, ada):
    band = DrugFact.objects.get(ingredient__key="diazepam", kind="band")
    with pytest.raises(BadRecord, match="short, intermediate, long or unknown"):
        revise(band, ada, values={"value": "medium"})


def test_a_row_is_added_once(rulebook, ada):
    diazepam = Ingredient.objects.get(key="diazepam")
    given = {
        "model": FormularyStatus,
        "ingredient": diazepam,
        "values": {"profile": "UK", "status": "restricted", "reason": "short courses"},
        "citation": citation(),
        "by": ada,
    }
    made = edit.add(**given)
    assert made.origin == "edited"
    event = AuditEvent.objects.get(verb="formulary.added")
    assert event.detail["after"]["status"] == "restricted"
    with pytest.raises(BadRecord):
        edit.add(**given)


def test_out_of_force_needs_a_reason_keeps_the_row_and_can_come_back(limit, ada):
    def retire(row, reason):
        return edit.retire(row=row, reason=reason, seen=row.changed_at, by=ada)

    with pytest.raises(BadRecord, match="reason"):
        retire(limit, "  ")
    retired = retire(limit, "withdrawn from the label")
    assert retired.retired_at is not None
    assert Limit.objects.filter(pk=limit.pk).exists()
    assert AuditEvent.objects.get(verb="formulary.retired").detail["reason"] == (
        "withdrawn from the label"
    )
    with pytest.raises(IllegalMove):
        revise(retired, ada)
    back = edit.add(
        model=Limit,
        ingredient=limit.ingredient,
        values={"profile": "UK", "context": "adult", "mg_per_day": Decimal(20)},
        citation=citation(),
        by=ada,
    )
    assert (back.pk, back.retired_at, back.mg_per_day) == (limit.pk, None, 20)


def test_without_its_audit_event_nothing_is_changed(limit, ada, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("the audit is full")

    monkeypatch.setattr(edit.audit, "record", broken)
    with pytest.raises(OSError, match="full"):
        revise(limit, ada)
    assert Limit.objects.get(pk=limit.pk).mg_per_day == limit.mg_per_day


def test_every_change_is_in_the_history_table(limit, ada):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM drugs_limitevent WHERE pgh_obj_id = %s", [limit.pk])
        before = cursor.fetchone()[0]
        revise(limit, ada)
        cursor.execute("SELECT count(*) FROM drugs_limitevent WHERE pgh_obj_id = %s", [limit.pk])
        assert cursor.fetchone()[0] > before


def test_which_severities_the_rules_take_from_the_formulary_is_said_rightly():
    read = set()
    for module in Path(rules.__file__).parent.glob("*.py"):
        code = module.read_text()
        read |= set(re.findall(r'severities\.get\("([a-z0-9-]+)"', code))
        read |= set(re.findall(r'by_row\(\s*view, "[A-Z0-9-]+", "([a-z0-9-]+)"', code))
    assert read == edit.SEVERITY_FROM_FORMULARY


@pytest.mark.parametrize(
    ("model", "where", "reaches"),
    [
        (Limit, {}, True),
        (Equivalent, {}, True),
        (DrugFact, {"kind": "band"}, True),
        (DrugFact, {"kind": "half_life_h"}, False),
        (IngredientClass, {"drug_class__key": "opioid"}, True),
        (IngredientClass, {"drug_class__key": "gabapentinoid"}, False),
        (DrugClass, {}, False),
        (Pair, {}, False),
        (FormularyStatus, {}, False),
    ],
)
def test_what_only_informs_people_is_told_from_what_is_screened(model, where, reaches, rulebook):
    assert edit.reaches_screening(model.objects.filter(**where).first()) is reaches
