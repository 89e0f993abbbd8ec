"""The profiles by REST: which there are, for whoever sends or keeps practices."""

import pytest

from reviews.rules.codes import PROFILES
from reviews.verbs import govern
from tests.api.test_provisioning import staff_of
from tests.verbs.test_govern import published
from tests.verbs.test_profiles import add


@pytest.fixture
def hr(harbour, maeve):
    return staff_of(harbour, by=maeve)


def test_they_are_those_of_the_software_before_a_book_holds_more(system, hr, client):
    for caller in (system, hr):
        answer = caller.get("profiles")
        assert [each["code"] for each in answer.json()["results"]] == list(PROFILES)
        assert {each["parent"] for each in answer.json()["results"]} == {""}
    assert system.get("profiles", code="UK").status_code == 400
    assert client.get("/api/v1/profiles").status_code == 401


def test_one_of_the_live_book_is_told_and_can_be_taken(system, hr, rulebook, ada, adam):
    before = system.get("profiles")
    draft = govern.begin(title="Ireland", by=ada)
    add(draft, ada)
    assert system.get("profiles").headers["ETag"] == before.headers["ETag"]
    published(draft, by=ada, second=adam)
    after = system.get("profiles")
    assert after.headers["ETag"] != before.headers["ETag"]
    last = after.json()["results"][-1]
    assert last == {
        "code": "IE",
        "name": "Ireland",
        "parent": "UK",
        "locale": "en-IE",
        "country": "IE",
        "time_zone": "Europe/Dublin",
    }
    taken = hr.send("PATCH", "practices/harbour", profile=last["code"]).json()
    assert {name: taken[name] for name in ("locale", "country", "time_zone")} == {
        name: last[name] for name in ("locale", "country", "time_zone")
    }
