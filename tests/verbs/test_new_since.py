"""What a new rule book changed for reviewers: new since, no longer found by, how far it is."""

import pytest

from reviews.models import Case, Flag, Outcome, Reason
from reviews.queries import jobs
from reviews.verbs import govern, screen
from tests import make
from tests.verbs.test_govern import change, published
from tests.verbs.test_what_if import decided
from tests.web.browse import Browser


@pytest.fixture
def treated(harbour, clara):
    """Somebody on day 20 of 20 of diazepam for anxiety: a note by the first book."""
    person = make.patient(harbour, clara, age=45)
    make.prescription(person, clara, start=-19, days=20)
    screen.drain()
    return person


def publish_lower(ada, adam, *, rule_id="DUR-01", after=14, by_book=2):
    draft = govern.begin(title="Short courses", by=ada)
    change(draft, ada, rule_id, after=after)
    live = published(draft, by=ada, second=adam)
    assert live.number == by_book
    return live


def flag_of(person):
    return Flag.objects.live().get(patient=person, rule_id="DUR-01")


def test_a_finding_that_a_book_raised_is_new_since_the_book_before(treated, ada, adam, ravi):
    assert flag_of(treated).new_since is None
    publish_lower(ada, adam)
    screen.drain()
    flag = flag_of(treated)
    assert (flag.severity, flag.new_since.number, flag.version.number) == (2, 1, 2)
    assert "new since rule book 1" in Browser(ravi).read("/")
    case = Case.objects.open().get(patient=treated)
    assert "graded otherwise since rule book 1" in Browser(ravi).read(f"/cases/{case.pk}")


def test_what_stays_the_same_keeps_its_book_and_is_not_new(harbour, clara, ada, adam, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    before = flag_of(case.patient)
    publish_lower(ada, adam, rule_id="DUR-02", after=21)
    screen.drain()
    after = flag_of(case.patient)
    assert (after.pk, after.version.number, after.new_since) == (before.pk, 1, None)
    assert "new since" not in Browser(ravi).read("/")


def test_whoever_is_first_screened_by_the_new_book_has_nothing_new(
    treated, harbour, clara, ada, adam
):
    publish_lower(ada, adam)
    screen.drain()
    other = make.patient(harbour, clara, age=45)
    make.prescription(other, clara, start=-19, days=20)
    screen.drain()
    assert flag_of(other).new_since is None


def test_it_is_new_until_somebody_decides(treated, clara, ada, adam, ravi):
    publish_lower(ada, adam)
    screen.drain()
    # Another supply: the same finding, with other figures.
    make.prescription(treated, clara, start=1, days=3)
    screen.drain()
    assert flag_of(treated).new_since.number == 1
    case = Case.objects.open().get(patient=treated)
    decided(case, ravi, Outcome.REVIEW, Reason.LOOKED_AT, until=make.day(20))
    make.prescription(treated, clara, start=4, days=3)
    screen.drain()
    assert flag_of(treated).new_since is None


def test_a_finding_that_a_book_no_longer_makes_says_which_book_it_was(treated, ada, adam, ravi):
    publish_lower(ada, adam)
    screen.drain()
    case = Case.objects.open().get(patient=treated)
    raised = flag_of(treated)
    publish_lower(ada, adam, after=28, by_book=3)
    screen.drain()
    raised.refresh_from_db()
    assert (raised.end_reason, raised.version.number) == ("superseded", 2)
    assert raised.ended_version.number == 3
    case.refresh_from_db()
    assert case.closed_at is not None


def test_a_flag_that_cleared_is_told_with_the_book_that_cleared_it(harbour, clara, ada, adam):
    person = make.patient(harbour, clara, age=70)
    make.prescription(person, clara, start=-19, days=20)
    screen.drain()
    gone = Flag.objects.live().get(patient=person, rule_id="ELD-01")
    draft = govern.begin(title="Others say it", by=ada)
    change(draft, ada, "ELD-01", "shown", "off")
    live = published(draft, by=ada, second=adam)
    screen.drain()
    gone.refresh_from_db()
    assert (gone.end_reason, gone.ended_version, gone.version.number) == ("cleared", live, 1)


# -- How far it is ---------------------------------------------------------------------------------


def test_how_far_the_screening_is_until_it_is_done(treated, harbour, clara, ada, adam, ravi):
    other = make.patient(harbour, clara, age=45)
    make.prescription(other, clara, start=-19, days=20)
    screen.drain()
    assert jobs.after_publication() is None
    publish_lower(ada, adam)
    assert jobs.after_publication() == (2, 0, 2)
    said = "Rule book 2 was published: 0 of 2 patients are screened by it"
    assert said in Browser(ravi).read("/")
    assert said in Browser(clara).read("/my-work")
    screen.batch(limit=1)
    assert jobs.after_publication() == (2, 1, 2)
    screen.drain()
    assert jobs.after_publication() is None
    assert "was published" not in Browser(ravi).read("/")
