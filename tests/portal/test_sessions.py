"""A session ends by itself, its person sees and ends it, and no work is lost with it."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reviews import tasks
from reviews.models import ApiKey, AuditEvent, Case, Decision
from reviews.verbs import publish
from tests import make
from tests.portal.factors import App, age_session, give_password, is_signed_in
from tests.web.browse import Browser, heading, words
from tests.web.test_cases import choices
from tests.web.test_rulebooks import change_a_limit

IDLE = settings.SESSION_IDLE_SECONDS
BY_CLOCK = {"HX-Request": "true", "X-By-Clock": "yes"}
PARTS = {"HX-Request": "true"}


def ended(user):
    return [row.detail["why"] for row in AuditEvent.objects.filter(verb="sign_in.ended")]


class TestItEndsByItself:
    def test_after_a_time_without_its_person(self, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        answer = browser.client.get(reverse("patients"), follow=True)
        assert heading(answer) == "Sign in"
        assert "nobody had used it for a while" in words(answer)
        assert answer.redirect_chain[0][0].endswith("?next=/patients")
        assert ended(ravi) == ["nobody had used it for a while"]

    def test_not_while_it_is_used(self, ravi):
        browser = Browser(ravi)
        for _ in range(3):
            age_session(browser.client, IDLE - 10)
            session = browser.client.session
            session["began_at"] += IDLE - 10
            session.save()
            assert browser.get(reverse("patients")).status_code == 200

    def test_at_the_latest_after_the_longest_time(self, ravi):
        browser = Browser(ravi)
        session = browser.client.session
        session["began_at"] -= settings.SESSION_COOKIE_AGE + 1
        session.save()
        assert browser.get(reverse("patients")).status_code == 302
        assert not is_signed_in(browser.client)

    def test_a_list_that_renews_itself_is_nobody_at_work_and_makes_room(self, ravi):
        browser = Browser(ravi)
        for _ in range(2):
            age_session(browser.client, IDLE // 2 + 5)
            answer = browser.client.get(
                reverse("queue"),
                headers=BY_CLOCK | {"HX-Current-URL": "http://testserver/?due=today"},
            )
        assert answer.status_code == 204
        assert answer["HX-Redirect"] == "/accounts/login/?next=/%3Fdue%3Dtoday"

    def test_every_list_that_renews_itself_says_so(self):
        clocks = [
            part
            for template in (settings.BASE_DIR / "templates").rglob("*.html")
            for part in template.read_text().split("<")
            if 'hx-trigger="every' in part
        ]
        assert len(clocks) >= 2
        assert all('"X-By-Clock": "yes"' in part for part in clocks)

    def test_where_somebody_types_the_page_stays(self, harbour, clara):
        browser = Browser(clara)
        bell = make.patient(harbour, clara)
        age_session(browser.client, IDLE + 1)
        answer = browser.client.post(reverse("prescription-preview", args=[bell.pk]), headers=PARTS)
        assert answer.status_code == 401
        assert "HX-Redirect" not in answer

    def test_the_api_says_that_nobody_is_signed_in(self, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        assert browser.get("/api/v1/cases").status_code == 401

    def test_a_session_from_before_there_was_a_limit_ends(self, ravi):
        browser = Browser(ravi)
        session = browser.client.session
        del session["began_at"], session["seen_at"]
        session.save()
        assert browser.get(reverse("patients")).status_code == 302


class TestWorkIsKept:
    """What was sent after the session had ended is sent once its person has signed in again."""

    @pytest.fixture
    def case(self, harbour, clara, ravi):
        case = make.flagged_case(harbour, logged_by=clara)
        Browser(ravi).post(reverse("case-claim", args=[case.pk]), seen=case.lock)
        return Case.objects.get(pk=case.pk)

    def escalate(self, case):
        return {"to": "clinician", "reason": "Ask Dr Moreau about the fall", "seen": str(case.lock)}

    def test_it_waits_for_the_sign_in_and_is_sent_by_a_press(self, case, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        address = reverse("case-escalate", args=[case.pk])
        asked = browser.client.post(address, self.escalate(case))
        assert asked["Location"] == "/accounts/login/?next=/accounts/unsent/"
        shown = browser.client.post(
            asked["Location"], {"login": "ravi", "password": make.PASSWORD}, follow=True
        )
        assert heading(shown) == "Your work was kept, and not sent"
        assert "Ask Dr Moreau about the fall" in words(shown)
        assert Case.objects.get(pk=case.pk).state == "claimed"
        kept = shown.context["kept"]
        assert kept["path"] == address
        browser.client.post(kept["path"], dict(kept["fields"]))
        assert Case.objects.get(pk=case.pk).state == "escalated"

    def test_nobody_else_gets_it(self, case, ravi, samira):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        browser.post(reverse("case-escalate", args=[case.pk]), **self.escalate(case))
        give_password(browser.client, samira)
        answer = browser.client.get(reverse("unsent"), follow=True)
        assert "Dr Moreau about the fall" not in answer.content.decode()
        assert "kept_form" not in browser.client.session

    def test_no_password_is_kept(self, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        browser.post(reverse("account_change_password"), oldpassword="secret words of mine")
        assert "kept_form" not in browser.client.session


class TestOnesOwn:
    def elsewhere(self, user):
        client = Client(
            REMOTE_ADDR="192.0.2.8",
            HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0",
        )
        give_password(client, user)
        return client

    def test_each_is_shown_with_what_its_person_knows_it_by(self, ravi, samira):
        self.elsewhere(ravi)
        self.elsewhere(samira)
        page = Browser(ravi).read(reverse("own-sessions"))
        assert "2 sessions" in page
        assert "Firefox on Windows" in page
        assert "192.0.2.8" in page
        assert "this one" in page

    def test_one_is_ended_and_sees_nothing_more(self, ravi):
        other = self.elsewhere(ravi)
        browser = Browser(ravi)
        row = UserSession.objects.get(ip="192.0.2.8")
        browser.post(reverse("own-sessions"), end=row.pk)
        assert other.get(reverse("patients")).status_code == 302
        assert browser.get(reverse("patients")).status_code == 200
        event = AuditEvent.objects.get(verb="sign_in.sessions_ended")
        assert (event.actor_id, event.detail["sessions"]) == (ravi.pk, 1)

    def test_all_others_and_all(self, client, ravi):
        others = [self.elsewhere(ravi) for _ in range(2)]
        give_password(client, ravi)
        client.post(reverse("own-sessions"), {"end": "others"})
        assert [is_signed_in(other) for other in others] == [False, False]
        assert is_signed_in(client)
        client.post(reverse("own-sessions"), {"end": "all"})
        assert not is_signed_in(client)

    @pytest.mark.parametrize("end", ["", "nonsense", "999999999999999999999", "-1"])
    def test_nobody_ends_one_that_is_not_theirs(self, ravi, samira, end):
        other = self.elsewhere(samira)
        row = UserSession.objects.get(user=samira)
        browser = Browser(ravi)
        for which in (end, row.pk):
            assert browser.post(reverse("own-sessions"), end=which).status_code == 404
        assert is_signed_in(other)

    def test_what_is_over_leaves_nothing_of_where_it_was(self, client, ravi, samira):
        over = self.elsewhere(ravi)
        give_password(client, samira)
        yesterday = timezone.now() - timedelta(days=1)
        Session.objects.filter(pk=over.session.session_key).update(expire_date=yesterday)
        tasks.forget()
        assert [row.pk for row in Session.objects.all()] == [client.session.session_key]
        assert [row.user for row in UserSession.objects.all()] == [samira]
        assert client.get(reverse("patients")).status_code == 200

    def test_a_new_password_ends_all_others(self, client, ravi):
        other = self.elsewhere(ravi)
        give_password(client, ravi)
        new = "a quieter horse battery"
        client.post(
            reverse("account_change_password"),
            {"oldpassword": make.PASSWORD, "password1": new, "password2": new},
        )
        assert other.get(reverse("patients")).status_code == 302
        assert client.get(reverse("patients")).status_code == 200
        assert AuditEvent.objects.filter(verb="account.password_changed").count() == 1


class TestConfirming:
    """Urgent decisions, keys and publishing ask who it is; what was written still arrives."""

    def confirm(self, browser, asked, password=make.PASSWORD):
        address = asked["Location"]
        return browser.client.post(
            address,
            {"password": password, "next": address.partition("next=")[2].replace("%2F", "/")},
        )

    @pytest.fixture
    def urgent(self, harbour, clara, ravi):
        case = make.urgent_case(harbour, logged_by=clara)
        Browser(ravi).post(reverse("case-claim", args=[case.pk]), seen=case.lock)
        return Case.objects.get(pk=case.pk)

    def decision(self, case):
        return choices(case, note="Spoke with her; naloxone is at home")

    def test_who_signed_in_lately_is_not_asked(self, urgent, ravi):
        Browser(ravi).post(reverse("case-decide", args=[urgent.pk]), **self.decision(urgent))
        assert Decision.objects.get().note == "Spoke with her; naloxone is at home"

    def test_an_urgent_decision_asks_and_goes_on_with_what_was_written(self, urgent, ravi):
        browser = Browser(ravi)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        asked = browser.post(reverse("case-decide", args=[urgent.pk]), **self.decision(urgent))
        assert asked["Location"].startswith(reverse("account_reauthenticate"))
        assert heading(browser.get(asked["Location"])) == "Confirm that it is you"
        assert self.confirm(browser, asked, "wrong").status_code == 200
        assert not Decision.objects.exists()
        assert self.confirm(browser, asked).status_code == 302
        assert Decision.objects.get().note == "Spoke with her; naloxone is at home"
        confirmed = AuditEvent.objects.get(verb="sign_in.confirmed")
        assert (confirmed.actor_id, confirmed.detail["how"]) == (ravi.pk, "password")

    def test_what_the_page_refuses_after_that_still_holds_what_was_written(self, urgent, ravi):
        browser = Browser(ravi)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        stale = self.decision(urgent) | {"seen": urgent.lock - 1}
        asked = browser.post(reverse("case-decide", args=[urgent.pk]), **stale)
        answer = self.confirm(browser, asked)
        assert answer.status_code == 409
        assert "naloxone is at home" in answer.content.decode()

    def test_a_passkey_or_code_confirms_as_well_as_the_password(self, urgent, ravi):
        app = App(ravi)
        browser = Browser(ravi)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        address = reverse("case-decide", args=[urgent.pk])
        browser.post(address, **self.decision(urgent))
        browser.post(reverse("mfa_reauthenticate"), code=app.code(), next=address)
        assert Decision.objects.count() == 1

    def test_keys_and_publishing(self, harbour, ada, adam):
        change_a_limit(adam)
        version = publish.draft(note="", by=adam)
        browser = Browser(ada)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        assert browser.get(reverse("key-make")).status_code == 200
        form = {"name": "EHR", "source_system": "ehr", "practices": harbour.pk}
        asked = browser.post(reverse("key-make"), **form)
        assert asked["Location"].startswith(reverse("account_reauthenticate"))
        assert not ApiKey.objects.exists()
        made = self.confirm(browser, asked)
        assert ApiKey.objects.get().name == "EHR"
        assert "psp_" in made.content.decode()
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        for name, args in (
            ("key-revoke", [ApiKey.objects.get().pk]),
            ("rulebook-publish", [version.number]),
        ):
            asked = browser.post(reverse(name, args=args))
            assert asked["Location"].startswith(reverse("account_reauthenticate"))
        version.refresh_from_db()
        assert version.state == "draft"
        self.confirm(browser, asked)
        version.refresh_from_db()
        assert version.state == "published"

    def test_any_other_decision_does_not(self, harbour, clara, ravi):
        case = make.flagged_case(harbour, logged_by=clara)
        assert not case.is_urgent
        browser = Browser(ravi)
        browser.post(reverse("case-claim", args=[case.pk]), seen=case.lock)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        answer = browser.post(reverse("case-decide", args=[case.pk]), seen="0")
        assert not answer.get("Location", "").startswith("/accounts/")
