"""The formulary pages: finding a drug, reading it, changing it on somebody's word."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from drugs.models import (
    SOURCED,
    DrugClass,
    Equivalent,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    Limit,
)
from reviews import jobs
from reviews.models import AuditEvent, Job
from reviews.tasks import KINDS
from reviews.verbs import editions
from reviews.verbs import jobs as verbs_on_jobs
from tests import make, releases
from tests.web.browse import Browser, heading, words


@pytest.fixture
def limit(rulebook):
    return Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")


def change(row, kind="limit", drug="diazepam"):
    return f"/formulary/{drug}/{kind}/{row.pk}"


def given(row, **changes):
    return {
        "mg_per_day": "25",
        "source": "UK SmPC, diazepam 5 mg tablets",
        "locator": "section 4.2",
        "next_review": "+180d",
        "seen": row.changed_at.isoformat(),
        **changes,
    }


@pytest.mark.parametrize("who", ["clara", "ravi", "ada", "audrey"])
def test_everybody_with_a_role_reads_it(who, harbour):
    browser = Browser(make.person(who, harbour))
    assert "Diazepam" in browser.read("/formulary")
    assert browser.get("/formulary/diazepam").status_code == 200


def test_nobody_without_a_role_reads_it(rulebook, django_user_model):
    stranger = django_user_model.objects.create_user("stranger")
    assert Browser(stranger).get("/formulary").status_code == 403
    assert Browser(None).get("/formulary").status_code == 302


@pytest.mark.parametrize("typed", ["diaz", "Valium", "N05BA01", "diazpam"])
def test_a_drug_is_found_by_name_brand_code_or_slip(typed, clara):
    page = Browser(clara).get("/formulary", q=typed)
    assert "/formulary/diazepam?" in page.content.decode()


def test_a_search_without_a_match_says_what_that_means(clara):
    page = Browser(clara).get("/formulary", q="qqqqqq")
    assert heading(page) == "0 medicines like “qqqqqq”"
    assert "shown as not recognised wherever it is prescribed" in words(page)


def test_a_drug_shows_its_facts_with_their_sources(clara, limit):
    page = Browser(clara).read("/formulary/diazepam")
    assert "Diazepam: long half-life" in page
    for row in (limit, *Equivalent.objects.live().filter(ingredient__key="diazepam")[:2]):
        assert row.source in page
    assert "Ashton 2002" in Browser(clara).read("/formulary/alprazolam")
    assert "About equal to diazepam 10 mg" in page
    assert "unverified" in page
    assert "Opioids" in page
    assert "OPI-01" in page


def test_a_drug_that_does_not_exist_is_not_found(clara, ada):
    assert Browser(clara).get("/formulary/moonbeam").status_code == 404
    assert Browser(ada).get("/formulary/moonbeam/add/limit").status_code == 404


def test_what_is_missing_is_said(clara):
    without = Ingredient.objects.live().exclude(limits__isnull=False).first()
    assert "No maximum is written down" in Browser(clara).read(f"/formulary/{without.key}")


def test_a_drug_of_each_class_has_a_page(clara):
    browser = Browser(clara)
    some = IngredientClass.objects.live().order_by("drug_class", "ingredient__key")
    for key in some.distinct("drug_class").values_list("ingredient__key", flat=True):
        assert browser.get(f"/formulary/{key}").status_code == 200, key


def test_the_cost_of_a_drug_does_not_grow_with_its_rows(clara):
    def queries(key):
        with CaptureQueriesContext(connection) as seen:
            assert browser.get(f"/formulary/{key}").status_code == 200
        return len(seen)

    browser = Browser(clara)
    queries("diazepam")
    assert abs(queries("diazepam") - queries("adinazolam")) <= 2


def test_a_change_is_told_and_waits_for_the_next_book(limit, ada):
    page = Browser(ada).follow(change(limit), **given(limit))
    assert "Changed: diazepam, UK, adult" in words(page)
    assert "when a rule book with it is published" in words(page)
    assert Limit.objects.get(pk=limit.pk).mg_per_day == 25
    assert AuditEvent.objects.get(verb="formulary.revised").detail["row"] == "diazepam, UK, adult"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "This field is required"),
        ({"locator": " "}, "This field is required"),
        ({"next_review": ""}, "This field is required"),
        ({"next_review": "+400d"}, "Must be after today and not after"),
        ({"next_review": "soon"}, "Must be a day such as"),
        ({"mg_per_day": "0"}, "Not saved"),
        ({"mg_per_day": "many"}, "Enter a number"),
    ],
)
def test_a_change_that_cannot_be_comes_back_with_the_reason(changes, said, limit, ada):
    response = Browser(ada).post(change(limit), **given(limit, **changes))
    assert response.status_code == 422
    assert said in words(response)
    assert Limit.objects.get(pk=limit.pk).mg_per_day == limit.mg_per_day


def test_somebody_else_was_faster(limit, ada, adam):
    shown = given(limit)
    Browser(adam).post(change(limit), **{**shown, "mg_per_day": "20"})
    refused = Browser(ada).post(change(limit), **{**shown, "mg_per_day": "25"})
    assert refused.status_code == 409
    assert "Somebody else changed this" in words(refused)
    assert "mg a day 20" in words(refused), "what it says now"
    assert Browser(ada).post(change(limit), **{**shown, "seen": "never"}).status_code == 409
    assert Limit.objects.get(pk=limit.pk).mg_per_day == 20
    # What was typed is still there, and saved again it replaces what was just read.
    page = refused.content.decode()
    assert 'name="mg_per_day" value="25"' in page
    seen = re.search(r'name="seen" value="([^"]*)"', page)[1]
    assert (
        Browser(ada).post(change(limit), **{**shown, "seen": seen, "mg_per_day": "25"}).status_code
        == 302
    )
    assert Limit.objects.get(pk=limit.pk).mg_per_day == 25


@pytest.mark.parametrize("who", ["clara", "ravi", "audrey"])
def test_only_formulary_admins_change_it(who, limit, harbour):
    browser = Browser(make.person(who, harbour))
    assert "Change diazepam" not in browser.read("/formulary/diazepam")
    assert browser.get(change(limit)).status_code == 403
    assert browser.post(change(limit), **given(limit)).status_code == 403
    assert browser.get("/formulary/diazepam/add/status").status_code == 403
    assert browser.post(f"{change(limit)}/retire", reason="x").status_code == 403


def test_a_row_of_another_drug_is_not_changed_here(limit, ada):
    browser = Browser(ada)
    assert browser.get(change(limit, drug="zopiclone")).status_code == 404
    assert browser.get(change(limit, kind="nothing")).status_code == 404
    assert browser.get("/formulary/diazepam/add/default").status_code == 404


def test_the_reach_of_a_class_is_said(ada, rulebook):
    row = DrugClass.objects.get(key="gabapentinoid")
    page = Browser(ada).get(change(row, kind="default"))
    assert "concerns every medicine of the class" in words(page)
    page = Browser(ada).follow(
        change(row, kind="default"), **given(row, name="Gabapentinoids", severity="1")
    )
    assert "Changed: Gabapentinoids" in words(page)
    assert DrugClass.objects.get(key="gabapentinoid").severity == 1


def test_a_status_is_added_and_taken_out_of_force(ada, clara, rulebook):
    browser = Browser(ada)
    assert "formulary status not set" in browser.read("/formulary/diazepam")
    page = browser.follow(
        "/formulary/diazepam/add/status",
        profile="UK",
        status="restricted",
        reason="first issue at most 14 days",
        source="Local formulary",
        locator="minute 12",
        next_review="+90d",
    )
    assert "Added: diazepam, UK: Restricted" in words(page)
    assert "first issue at most 14 days" in Browser(clara).read("/formulary/diazepam")
    row = FormularyStatus.objects.get(ingredient__key="diazepam")
    seen = row.changed_at.isoformat()
    address = f"{change(row, kind='status')}/retire"
    assert "Still in force" in words(browser.follow(address, reason="", seen=seen))
    assert "Out of force" in words(browser.follow(address, reason="not agreed", seen=seen))
    assert "formulary status not set" in browser.read("/formulary/diazepam")


def test_knowledge_overdue_for_review_is_told_to_admins(limit, ada, clara):
    for model in SOURCED:
        model.objects.update(reviewed=make.day(), next_review=make.day(365))
    overdue = {"reviewed": make.day(-300), "next_review": make.day(-1)}
    Limit.objects.filter(pk=limit.pk).update(**overdue)
    page = Browser(ada).read("/formulary")
    assert "Sources overdue for review 1" in page
    assert "since" in page
    assert "Upkeep" not in Browser(clara).read("/formulary")
    assert "A source is overdue for review" in Browser(clara).read("/formulary/diazepam")


# -- Releases of national lists --------------------------------------------------------------------


def release(tmp_path, **files):
    folder = releases.dmd(tmp_path / "dmd", **files)
    return editions.begin(
        system="dmd", folder=folder, name="week 48", released_on=make.day(-3)
    ).edition


def test_how_far_a_release_is_read_stands_on_its_page(rulebook, ada, tmp_path, monkeypatch):
    edition, browser = release(tmp_path), Browser(ada)
    address = f"/code-lists/{edition.pk}"
    page = browser.read(address)
    assert "It is being read" in page
    assert re.search(r"0 of [0-9]+ kB", page)
    assert "None so far." in page
    asked = browser.client.get(address, headers={"hx-request": "true"})
    assert 'id="reading"' in asked.content.decode()
    jobs.work(KINDS, seconds=60)
    page = browser.read(address)
    assert "It is being read" not in page
    assert "11 new, 0 changed, 0 gone" in page
    assert "Every row was read." in page
    asked = browser.client.get(address, headers={"hx-request": "true"})
    assert asked.headers["HX-Refresh"] == "true"


def test_a_release_that_was_cancelled_says_how_it_is_begun_again(rulebook, ada, tmp_path):
    edition = release(tmp_path)
    verbs_on_jobs.cancel(job=Job.objects.get(kind=editions.READ), by=ada)
    page = Browser(ada).read(f"/code-lists/{edition.pk}")
    assert "Reading it was cancelled" in page
    assert "Begin it again with the same command" in page
    again = editions.begin(
        system="dmd", folder=tmp_path / "dmd", name="week 48", released_on=make.day(-3)
    )
    assert (again.edition, again.job is None) == (edition, False)


def test_all_broken_rows_that_are_kept_can_be_read(rulebook, ada, tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "MOST_FAULTS", 120)
    broken = [f"<VMP><VPID>80{number:04d}</VPID></VMP>\n" for number in range(130)]
    edition = release(tmp_path, vmps=(*releases.VMPS, *broken))
    jobs.work(KINDS, seconds=60)
    page = Browser(ada).read(f"/code-lists/{edition.pk}")
    assert "120 named of 130; no more than 120 are kept by name" in page
    assert "VMP 800099" in page
    assert "VMP 800100" not in page
    assert "VMP 800119" in Browser(ada).read(f"/code-lists/{edition.pk}", page="2")
