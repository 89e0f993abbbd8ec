"""Keys of client systems, from making one to revoking it."""

import re

import pytest

from reviews.models import ApiKey
from reviews.verbs import clients
from tests import make
from tests.web.browse import Browser, heading, words


def fields(*practices, **changes):
    return {
        "name": "Main record system",
        "source_system": "main-record",
        "practices": [practice.pk for practice in practices],
        **changes,
    }


def test_who_manages_clients(ada, clara, ravi, audrey):
    for address in ("/keys", "/keys/make"):
        assert Browser(ada).get(address).status_code == 200
        for user in (clara, ravi, audrey):
            assert Browser(user).get(address).status_code == 403


def test_without_a_key_the_page_says_so(ada):
    assert heading(Browser(ada).get("/keys")) == "No system can read or send records"


def test_a_key_is_shown_once(harbour, ada):
    browser = Browser(ada)
    made = browser.post("/keys/make", **fields(harbour))
    assert heading(made) == "Copy this key now: it is not shown again"
    assert "no-store" in made["Cache-Control"]
    secret = re.search(r'value="(psp_[^"]+)"', made.content.decode())[1]
    key = ApiKey.objects.get()
    page = browser.get("/keys")
    assert heading(page) == "1 system can read and send records"
    assert key.prefix in words(page)
    assert secret not in page.content.decode()
    assert "never" in words(page)
    assert clients.authenticate(secret).pk == key.pk
    assert "never" not in browser.read("/keys")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"source_system": "portal"}, "means the portal's own forms"),
        ({"source_system": "two words"}, "valid"),
        ({"practices": []}, "This field is required"),
    ],
)
def test_what_cannot_be_made_comes_back_with_the_reason(changes, said, harbour, ada):
    response = Browser(ada).post("/keys/make", **fields(harbour, **changes))
    assert response.status_code == 422
    assert said in words(response).replace("&#x27;", "'")
    assert not ApiKey.objects.exists()


def test_no_key_reaches_a_practice_one_does_not_manage(harbour, lakeside, ada):
    response = Browser(ada).post("/keys/make", **fields(harbour, lakeside))
    assert response.status_code == 422
    assert not ApiKey.objects.exists()


def test_revoking_asks_first_and_ends_the_key(harbour, lakeside, ada):
    key, secret = clients.make_key(
        name="Old system", source_system="old", practices=[harbour], by=ada
    )
    browser, address = Browser(ada), f"/keys/{key.pk}/revoke"
    assert heading(browser.get(address)) == "Revoke the key of Old system?"
    assert ApiKey.objects.get().revoked_at is None
    page = browser.follow(address)
    assert "The key of Old system is revoked" in words(page)
    assert heading(page) == "No system can read or send records"
    assert clients.authenticate(secret) is None
    elsewhere = make.person("eve", lakeside, "formulary_admin")
    assert Browser(elsewhere).get(address).status_code == 404
