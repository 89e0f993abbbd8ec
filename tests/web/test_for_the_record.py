"""The text of a decision for the clinical record: one button, and the same over the API."""

from reviews.conclusions import FlagOutcome
from reviews.models import Case, Flag, Outcome, Reason
from reviews.verbs import decide
from tests import make
from tests.web.browse import Browser


def test_the_text_of_a_decision_on_the_page_and_over_the_api(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    browser = Browser(ravi)
    assert "Text for the record" not in browser.read(f"/cases/{case.pk}")
    decided(case, ravi)
    page = browser.read(f"/cases/{case.pk}")
    assert "Copy for the record" in page
    decision = Case.objects.get(pk=case.pk).decisions.get()
    answer = browser.get(f"/api/v1/decisions/{decision.pk}/text").json()
    said = answer["text"]
    assert said in " ".join(["", browser.get(f"/cases/{case.pk}").content.decode()]).replace(
        "&quot;", '"'
    ).replace("&#x27;", "'")
    for part in ("BELL, Jonathan", "reduce or taper", "Decided by Ravi Shah", "Diazepam 5 mg"):
        assert part in said, said
    assert f"decision {decision.pk}" in said


def decided(case, by):
    flags = Flag.objects.open().filter(case=case)
    decide.decide(
        case=case,
        outcomes=[
            FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT) for flag in flags
        ],
        by=by,
        seen=case.lock,
        note="Small steps, next look in four weeks",
    )
