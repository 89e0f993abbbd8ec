"""The formulary by REST: what practices can get is told beside the facts of the rule book."""

import pytest

from drugs.models import Ingredient
from reviews.models import LocalStatus
from tests import make
from tests.verbs.test_local_status import say


@pytest.fixture
def diazepam(rulebook):
    return Ingredient.objects.get(key="diazepam")


def test_a_drug_says_what_the_practices_of_the_system_can_get(
    system, diazepam, harbour, lakeside, ada
):
    other = make.person("lena", lakeside, "formulary_admin")
    assert system.get("formulary/diazepam").json()["local"] == []
    etag = system.get("formulary").headers["ETag"]
    say(diazepam, lakeside, other, "not-stocked")
    assert system.get("formulary").headers["ETag"] == etag
    made = say(diazepam, harbour, ada)
    assert system.get("formulary/diazepam").json()["local"] == [
        {
            "practice": "harbour",
            "said_for": "harbour",
            "status": LocalStatus.Status.RESTRICTED,
            "restricted_to": "agreed tapers",
            "source": "Harbour formulary",
            "locator": "p. 3",
            "reviewed": str(made.reviewed),
            "next_review": str(made.next_review),
        }
    ]
    told = system.get("formulary")
    assert told.headers["ETag"] != etag
    assert [each["key"] for each in told.json()["results"] if each["local"]] == ["diazepam"]
