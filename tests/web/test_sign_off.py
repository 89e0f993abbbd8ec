"""Signing off the formulary: one page of what nobody has read in its source, and who did."""

import pytest
from django.utils import timezone

from drugs.due import unverified
from drugs.models import Code, DrugFact, IngredientClass, Limit
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent
from reviews.verbs import sign_off
from tests.web.browse import Browser, heading, words


@pytest.fixture
def limit(rulebook):
    """A limit that nobody has signed off."""
    row = Limit.objects.live().order_by("pk").first()
    Limit.objects.filter(pk=row.pk).update(
        verified=False, verified_by=None, verified_at=None, source="SmPC of a product"
    )
    row.refresh_from_db()
    return row


def token(row):
    return f"{row.pk}@{row.changed_at.isoformat()}"


def test_everything_unverified_is_counted_and_listed(limit, ada):
    page = Browser(ada).get("/sign-off", table="limit")
    total = sum(unverified().values())
    assert heading(page).startswith(f"{total} rows of the formulary await")
    assert str(limit) in words(page)
    assert limit.locator in words(page)
    for model in (DrugFact, IngredientClass):
        row = model.objects.unverified().order_by("source", "locator", "pk").first()
        page = words(Browser(ada).get("/sign-off", table=model._meta.model_name))
        assert str(row) in page


def test_a_code_says_what_it_stands_for(rulebook, ada):
    code = Code.objects.unverified().exclude(parts=None).order_by("source", "locator", "pk")[0]
    page = words(Browser(ada).get("/sign-off", table="code"))
    assert f"stands for {code.name}" in page
    assert f"of {code.parts.first().ingredient.name}" in page


def test_a_row_is_signed_off_with_who_when_and_source(limit, ada):
    before = timezone.now()
    response = Browser(ada).follow("/sign-off", table="limit", rows=token(limit), read="yes")
    assert "Signed off: 1 row." in words(response)
    limit.refresh_from_db()
    assert (limit.verified, limit.verified_by) == (True, ada)
    assert before <= limit.verified_at <= timezone.now()
    event = AuditEvent.objects.get(verb="formulary.signed_off")
    assert (event.actor_id, event.subject) == (ada.pk, f"limit {limit.pk}")
    assert event.detail == {
        "row": str(limit),
        "source": limit.source,
        "locator": limit.locator,
    }
    page = words(response)
    assert page.index("Signed off lately") < page.index(str(limit))
    assert "Ada Lindqvist" in page


@pytest.mark.parametrize(
    ("given", "told"),
    [({"read": "yes"}, "Tick at least one"), ({"rows": "TOKEN"}, "read each of them")],
)
def test_nothing_is_signed_off_unread_or_unticked(limit, ada, given, told):
    given = {name: token(limit) if value == "TOKEN" else value for name, value in given.items()}
    response = Browser(ada).post("/sign-off", table="limit", **given)
    assert response.status_code == 422
    assert told in words(response)
    limit.refresh_from_db()
    assert not limit.verified


def test_what_nobody_can_look_up_needs_a_publication(limit, ada):
    Limit.objects.filter(pk=limit.pk).update(source="General knowledge")
    asked = {"table": "limit", "rows": token(limit), "read": "yes"}
    browser = Browser(ada)
    for given in ({}, {"read_in": "BNF"}, {"place": "Diazepam"}, {"read_in": " ", "place": " "}):
        response = browser.post("/sign-off", **asked, **given)
        assert response.status_code == 422
        assert "name" in words(response)
    limit.refresh_from_db()
    assert not limit.verified
    value = limit.mg_per_day
    browser.post("/sign-off", **asked, read_in="BNF 92", place="Diazepam, dose")
    limit.refresh_from_db()
    assert (limit.verified, limit.verified_by) == (True, ada)
    assert (limit.source, limit.locator, limit.mg_per_day) == ("BNF 92", "Diazepam, dose", value)
    assert limit.reviewed == timezone.localdate()
    assert AuditEvent.objects.get(verb="formulary.signed_off").detail["source"] == "BNF 92"


@pytest.mark.parametrize("rows", ["x", "1@yesterday", "@"])
def test_a_ticket_that_cannot_be_read_is_told(limit, ada, rows):
    response = Browser(ada).post("/sign-off", table="limit", rows=rows, read="yes")
    assert response.status_code == 422
    assert "cannot be read" in words(response)


def test_only_formulary_admins(limit, clara, ravi, audrey):
    for user in (clara, ravi, audrey):
        assert Browser(user).get("/sign-off").status_code == 403
        posted = Browser(user).post("/sign-off", table="limit", rows=token(limit), read="yes")
        assert posted.status_code == 403
        with pytest.raises(NotAllowed):
            sign_off.sign_off(model=Limit, seen={limit.pk: limit.changed_at}, by=user)


def test_a_row_that_changed_meanwhile_is_stale_and_none_is_signed_off(limit, ada):
    other = Limit.objects.live().exclude(pk=limit.pk).first()
    Limit.objects.filter(pk=other.pk).update(verified=False, verified_by=None, verified_at=None)
    seen = {limit.pk: limit.changed_at, other.pk: timezone.now()}
    with pytest.raises(Stale):
        sign_off.sign_off(model=Limit, seen=seen, by=ada)
    limit.refresh_from_db()
    assert not limit.verified


def test_a_row_is_signed_off_once_and_not_when_it_is_out_of_force(limit, ada, adam):
    seen = {limit.pk: limit.changed_at}
    (row,) = sign_off.sign_off(model=Limit, seen=seen, by=ada)
    with pytest.raises(Stale):
        sign_off.sign_off(model=Limit, seen=seen, by=adam)
    with pytest.raises(IllegalMove):
        sign_off.sign_off(model=Limit, seen={row.pk: row.changed_at}, by=adam)
    with pytest.raises(BadRecord):
        sign_off.sign_off(model=Limit, seen={}, by=adam)
    other = Limit.objects.unverified().first()
    other.retire(at=timezone.now())
    with pytest.raises(IllegalMove):
        sign_off.sign_off(model=Limit, seen={other.pk: other.changed_at}, by=adam)


def test_the_page_takes_as_many_queries_for_more_rows(limit, ada, django_assert_max_num_queries):
    browser = Browser(ada)
    browser.get("/sign-off")
    for table in ("limit", "drugfact", "code", "name"):
        with django_assert_max_num_queries(45):
            browser.get("/sign-off", table=table)
