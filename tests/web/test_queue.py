"""The queue page: who sees it, what it says, and that its cost does not grow."""

from datetime import timedelta

import pytest
from django.db import connection
from django.forms import model_to_dict
from django.urls import reverse
from django.utils import timezone

from reviews import requests
from reviews.models import AuditEvent, Case, SavedView, ScreeningRequest
from reviews.verbs import caseload, saved_views, screen
from reviews.views import queue
from tests import make
from tests.web.browse import words


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def page(client, user, **filters):
    client.force_login(user)
    return client.get(reverse("queue"), filters)


def shown(response):
    return [row.pk for row in response.context["page"].rows]


def test_signed_out_people_are_asked_to_sign_in(client, rulebook):
    response = client.get(reverse("queue"))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


@pytest.mark.parametrize("who", ["ravi", "clara", "audrey"])
def test_those_who_may_see_it(client, case, who, request):
    response = page(client, request.getfixturevalue(who))
    assert response.status_code == 200
    assert case.headline in response.content.decode()


def test_only_who_may_claim_is_told_the_keys_for_it(client, case, ravi, clara):
    assert "<kbd>c</kbd> claim" in page(client, ravi).content.decode()
    assert "<kbd>c</kbd> claim" not in page(client, clara).content.decode()


def test_a_formulary_admin_starts_at_the_formulary(client, case, ada):
    assert page(client, ada).url == reverse("formulary")


def test_cases_of_other_practices_are_not_listed(client, case, lakeside):
    stranger = make.person("stranger", lakeside, "reviewer")
    assert shown(page(client, stranger)) == []


def test_worst_first_then_due_first(client, harbour, clara, ravi):
    lesser = make.flagged_case(harbour, logged_by=clara)
    urgent = make.urgent_case(harbour, logged_by=clara)
    assert shown(page(client, ravi)) == [urgent.pk, lesser.pk]


def test_a_review_long_overdue_leads_its_severity_and_says_so(client, harbour, clara, ravi):
    first = make.flagged_case(harbour, logged_by=clara)
    overdue = make.flagged_case(harbour, logged_by=clara)
    assert b"Review long overdue" not in page(client, ravi).content
    Case.objects.filter(pk=overdue.pk).update(leads=True)
    response = page(client, ravi)
    assert shown(response) == [overdue.pk, first.pk]
    assert response.content.decode().count("Review long overdue") == 1


def test_pages_follow_one_another_without_a_gap(client, harbour, clara, ravi, monkeypatch):
    monkeypatch.setattr(queue, "PAGE_SIZE", 2)
    cases = [make.flagged_case(harbour, logged_by=clara) for _ in range(5)]
    pages = [shown(page(client, ravi, page=number)) for number in (1, 2, 3)]
    assert [len(rows) for rows in pages] == [2, 2, 1]
    assert [pk for rows in pages for pk in rows] == [case.pk for case in cases]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda cases: cases.ranked(), "case_worst"),
        (lambda cases: cases.filter(state="snoozed"), "case_set_aside"),
        (lambda cases: cases.filter(state="proposed", practice__in=[1, 2]), "case_set_aside"),
    ],
)
def test_an_index_can_answer(case, clara, rows, index):
    """Among hundreds of waiting cases that the planner knows of: with one, any plan is as cheap."""
    copy = model_to_dict(case, exclude=["id", "patient", "practice", "owner", "proposed_by"])
    others = [make.patient(case.practice, clara) for _ in range(300)]
    Case.objects.bulk_create(Case(patient=p, practice=p.practice, **copy) for p in others)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Case._meta.db_table}")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        plan = rows(Case.objects.open()).explain()
    assert f"{index} " in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"severity": "2"}, True),
        ({"severity": "1"}, False),
        ({"rule": "DUR-01"}, True),
        ({"rule": "OPI-01"}, False),
        ({"owner": "none"}, True),
        ({"owner": "me"}, False),
        ({"due": "overdue"}, False),
        ({"due": "snoozed"}, False),
        ({"due": "escalated"}, False),
        ({"due": "soon"}, False),
        ({"owner": "999999999"}, False),
        ({"q": "bell"}, True),
        ({"q": "bel jonathn"}, True),
        ({"q": "zzyzx"}, False),
        ({"q": "999"}, False),
        ({"sort": "exposure"}, True),
        ({"severity": "bogus", "practice": "x", "page": "-1"}, True),
    ],
)
def test_filters(client, case, ravi, filters, found):
    assert (case.pk in shown(page(client, ravi, **filters))) == found


def test_a_number_is_found_with_and_without_spaces(client, harbour, clara, ravi):
    treated = make.patient(harbour, clara, identifiers=["999 412 0719"])
    make.prescription(treated, clara, start=-34, days=35)
    screen.drain()
    for typed in ("9994120719", "999 412", "4120719"):
        assert shown(page(client, ravi, q=typed)), typed


def test_overdue_is_said(client, case, ravi):
    Case.objects.filter(pk=case.pk).update(due_at=timezone.now() - timedelta(days=2))
    response = page(client, ravi, due="overdue")
    assert shown(response) == [case.pk]
    assert "Overdue 2 d" in response.content.decode()


def test_waiting_patients_are_said_to_be_not_checked(client, harbour, clara, ravi):
    make.patient(harbour, clara)
    ScreeningRequest.objects.update(requested_at=timezone.now() - timedelta(minutes=10))
    text = page(client, ravi).content.decode()
    assert "NOT CHECKED" in text
    assert "Checked, and clear" not in text


def test_an_empty_queue_says_that_all_is_clear(client, harbour, clara, ravi):
    make.patient(harbour, clara)
    screen.drain()
    assert "Checked, and clear" in page(client, ravi).content.decode()


def test_claiming_several_from_the_list(client, harbour, clara, ravi, samira):
    cases = [make.flagged_case(harbour, logged_by=clara) for _ in range(3)]
    caseload.claim(case=cases[2], by=samira, seen=cases[2].lock)
    client.force_login(ravi)
    response = client.post(
        reverse("queue-claim"),
        {"case": [f"{case.pk}:{case.lock}" for case in cases], "back": "?severity=2"},
        follow=True,
    )
    kept = f"{reverse('queue')}?severity=2#case-{cases[0].pk}"
    assert response.redirect_chain == [(kept, 302)]
    text = response.content.decode()
    assert "2 cases claimed" in text
    assert "changed by Samira Okafor" in text
    assert Case.objects.filter(owner=ravi).count() == 2


def test_claiming_returns_only_to_the_queue(client, case, ravi):
    client.force_login(ravi)
    response = client.post(reverse("queue-claim"), {"back": "https://elsewhere.example"})
    assert response.url == reverse("queue")


def test_the_live_refresh_is_the_list_and_the_counts_above_it(client, case, ravi):
    client.force_login(ravi)
    response = client.get(reverse("queue"), headers={"HX-Request": "true"})
    text = response.content.decode()
    assert "<html" not in text
    assert f'id="case-{case.pk}"' in text
    assert '<div id="counts" hx-swap-oob="true">' in text


def test_the_row_says_how_long_in_words(client, harbour, clara, ravi):
    make.flagged_case(harbour, logged_by=clara)  # 35 days to the end of the supply, which is today
    ahead = make.patient(harbour, clara)
    make.prescription(ahead, clara, start=-29, days=40)
    gone = make.patient(harbour, clara)
    make.prescription(gone, clara, "Lorazepam 1 mg tablets", start=-45, days=40)
    screen.drain()
    text = " ".join(page(client, ravi).content.decode().split())
    assert "day 35 of diazepam </p>" in text
    assert "day 30 of diazepam, supply to day 40 </p>" in text
    assert "40 days of lorazepam, ended" in text


def test_the_cases_of_a_colleague(client, case, ravi, samira):
    assert "Samira Okafor" in page(client, ravi).content.decode()
    caseload.claim(case=case, by=samira, seen=case.lock)
    assert shown(page(client, ravi, owner=samira.pk)) == [case.pk]
    assert shown(page(client, samira, owner="me")) == [case.pk]


def save(client, name, back):
    return client.post(reverse("queue-view-save"), {"name": name, "back": back}, follow=True)


def test_a_view_is_saved_shown_renamed_and_removed(client, case, ravi):
    client.force_login(ravi)
    response = save(client, " My  urgent ", "?severity=1&page=3&bogus=1&sort=due")
    assert "Saved as “My urgent”. Only you see it." in response.content.decode()
    view = SavedView.objects.get(user=ravi)
    assert (view.name, view.query) == ("My urgent", "severity=1&sort=due")
    response = page(client, ravi, severity="1", sort="due")
    assert response.context["current_view"] == view
    assert not page(client, ravi, severity="1").context["current_view"]
    address = reverse("queue-view", args=[view.pk])
    client.post(address, {"name": "Urgent, due first", "back": "?severity=1&sort=due"})
    assert SavedView.objects.get().name == "Urgent, due first"
    client.post(address, {"do": "remove"})
    assert not SavedView.objects.exists()


def test_a_view_belongs_to_one_person(client, case, ravi, samira):
    client.force_login(ravi)
    save(client, "Urgent", "?severity=1")
    view = SavedView.objects.get()
    client.force_login(samira)
    for fields in ({"do": "remove"}, {"name": "Hers"}):
        assert client.post(reverse("queue-view", args=[view.pk]), fields).status_code == 404
    assert ">Urgent</a>" not in page(client, samira).content.decode()
    save(client, "Urgent", "?severity=1")
    assert SavedView.objects.filter(name="Urgent").count() == 2


@pytest.mark.parametrize(
    ("name", "back", "said"),
    [
        ("  ", "?severity=1", "Give the view a name"),
        ("urgent", "?severity=2", "You have a view called “urgent” already"),
        ("x" * 41, "?severity=2", "A name has at most 40 letters"),
        ("All", "?bogus=1", "Choose a filter or an order first"),
    ],
)
def test_a_view_that_cannot_be_saved_says_why(client, ravi, name, back, said):
    client.force_login(ravi)
    save(client, "Urgent", "?severity=1")
    assert f"Not saved. {said}" in save(client, name, back).content.decode()
    assert SavedView.objects.count() == 1


def test_a_person_has_a_limited_number_of_views(client, ravi):
    client.force_login(ravi)
    for number in range(saved_views.AT_MOST):
        save(client, f"View {number}", "?severity=1")
    assert "Remove one first" in save(client, "One more", "?severity=2").content.decode()
    assert SavedView.objects.count() == saved_views.AT_MOST


def test_the_query_count_does_not_grow(client, harbour, clara, ravi, django_assert_max_num_queries):
    page(client, ravi)  # signs in, and reads the rule book once
    counts = []
    for number in (2, 15):
        for _ in range(number):
            make.prescription(make.patient(harbour, clara), clara, start=-34, days=35)
        screen.drain()
        with django_assert_max_num_queries(40) as counted:
            client.get(reverse("queue"))
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_of_those_as_severe_the_overdue_then_the_heaviest_come_first(client, harbour, clara, ravi):
    light, heavy, late = (make.flagged_case(harbour, logged_by=clara, age=a) for a in (30, 80, 30))
    heavy_words = "age 80"
    Case.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(days=1))
    assert screen.mark_overdue() == 1
    assert screen.mark_overdue() == 0
    cases = Case.objects.open().filter(severity=light.severity)
    assert [case.pk for case in cases.ranked()] == [late.pk, heavy.pk, light.pk]
    text = page(client, ravi, severity=light.severity).content.decode()
    assert heavy_words in text
    assert "7 days past day 28" in text


def test_a_weight_alone_changes_nobodys_page(harbour, clara, case):
    Case.objects.filter(pk=case.pk).update(weight=0, weighed={})
    events = AuditEvent.objects.count()
    requests.enqueue([case.patient_id], reason="test")
    screen.drain()
    again = Case.objects.get(pk=case.pk)
    assert again.weight > 0
    assert (again.lock, again.updated_at) == (case.lock, case.updated_at)
    assert AuditEvent.objects.count() == events + 1, "that somebody was screened, and no more"


def test_every_view_has_its_count_and_says_what_it_shows(client, harbour, clara, ravi):
    make.flagged_case(harbour, logged_by=clara)
    urgent = make.urgent_case(harbour, logged_by=clara)
    saved_views.save(name="Second wave", query="severity=2", by=ravi)
    response = page(client, ravi)
    views = {view["name"]: view["count"] for view in response.context["views"]}
    assert views["All open"] == 2
    assert views["Urgent, unclaimed"] == 1
    assert views["With an opioid"] == 1
    assert views["Snoozed"] == 0
    assert response.context["own_views"][0].count == 1
    Case.objects.filter(pk=urgent.pk).update(rule_ids=["OPI-02"])
    response = page(client, ravi, rule="OPI-01,OPI-02")
    assert shown(response) == [urgent.pk]
    text = words(response)
    assert "1 case · Beside an opioid, for pain (OPI-01) or as substitution treatment" in text
    assert "1 to 1 of 1" in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"severity": "9"}, "There is no severity “9”"),
        ({"rule": "OPI-99"}, "There is no rule “OPI-99”"),
        ({"rule": "OPI-01,XX"}, "There is no rule “OPI-01,XX”"),
        ({"due": "never"}, "There is no due state “never”"),
        ({"owner": "999999"}, "Nobody has that number"),
        ({"practice": "999999"}, "You see no practice of that number"),
        ({"colour": "red"}, "“colour” is no filter of this list"),
    ],
)
def test_an_unknown_filter_is_said(client, case, ravi, asked, said):
    assert said in words(page(client, ravi, **asked))
    assert "is not understood" not in words(
        page(client, ravi, severity="2", sort="worst", page="1")
    )
