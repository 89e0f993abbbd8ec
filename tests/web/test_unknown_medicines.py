"""The page of medicines that no rule can read, from the list to the patient's page."""

import html

import pytest
from django.urls import reverse

from reviews.models import NoSedative
from reviews.verbs import screen
from tests import make

PAGE = "/unknown-medicines"


@pytest.fixture
def bell(harbour, clara):
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, "Zorkoline 10 mg tablets", start=-5, days=28)
    make.prescription(bell, clara, "Flunitrazolam 1 mg", start=-5, days=28)
    screen.drain()
    return bell


def page(client, path=PAGE):
    return html.unescape(client.get(path).content.decode())


def test_a_reviewer_says_what_is_no_sedative_and_takes_it_back(client, bell, harbour, ravi):
    client.force_login(ravi)
    before = page(client)
    assert "“Zorkoline 10 mg tablets”" in before
    assert 'value="Zorkoline 10 mg tablets"' in before
    assert 'value="Flunitrazolam 1 mg"' not in before
    answer = {"no_sedative": ["Zorkoline 10 mg tablets"], "where": harbour.pk, "reason": "tonic"}
    after = client.post(f"{PAGE}/judge", answer, follow=True)
    assert "said to be no sedative" in html.unescape(after.content.decode())
    assert 'value="Zorkoline 10 mg tablets"' not in page(client)
    said = NoSedative.objects.get()
    assert (said.practice, said.said_by, said.reason) == (harbour, ravi, "tonic")
    assert "said to be no sedative" in page(client, reverse("patient", args=[bell.pk]))
    client.post(f"{PAGE}/{said.pk}/take-back")
    assert 'value="Zorkoline 10 mg tablets"' in page(client)
    again = client.post(f"{PAGE}/{said.pk}/take-back", follow=True)
    assert "already" in again.content.decode()


def test_a_text_that_may_be_one_is_refused_whatever_is_sent(client, bell, harbour, ravi):
    client.force_login(ravi)
    answer = {"no_sedative": ["Flunitrazolam 1 mg"], "where": harbour.pk}
    after = client.post(f"{PAGE}/judge", answer, follow=True)
    assert "Not saved" in after.content.decode()
    assert not NoSedative.objects.exists()


def test_the_formulary_speaks_for_every_practice(client, bell, ada):
    client.force_login(ada)
    answer = {"no_sedative": ["Zorkoline 10 mg tablets"], "where": "everywhere"}
    client.post(f"{PAGE}/judge", answer)
    assert NoSedative.objects.get().practice is None
    assert "every practice" in page(client)


def test_nobody_answers_for_a_practice_that_is_not_theirs(client, bell, harbour, lakeside):
    lena = make.person("lena", lakeside, "reviewer")
    client.force_login(lena)
    assert "Zorkoline" not in page(client)
    for where in (harbour.pk, "everywhere", "x", ""):
        answer = {"no_sedative": ["Zorkoline 10 mg tablets"], "where": where}
        assert client.post(f"{PAGE}/judge", answer).status_code in (403, 404)
    assert not NoSedative.objects.exists()


def test_the_page_is_not_for_auditors(client, bell, audrey):
    client.force_login(audrey)
    assert client.get(PAGE).status_code == 403


def test_nothing_ticked_saves_nothing(client, bell, harbour, ravi):
    client.force_login(ravi)
    after = client.post(f"{PAGE}/judge", {"where": harbour.pk}, follow=True)
    assert "nothing was saved" in after.content.decode()


def test_a_strength_that_was_not_read_is_shown(client, harbour, clara):
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, "Diazepam 5-10 mg tablets", start=-5, days=28)
    client.force_login(clara)
    assert "strength not read: “5-10 mg”" in page(client, reverse("patient", args=[bell.pk]))
