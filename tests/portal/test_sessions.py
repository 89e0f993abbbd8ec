"""A session ends by itself, its person sees and ends it, and no work is lost with it."""

import re
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
from tests.web.browse import BACKEND, Browser, heading, words
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
        assert len(clocks) >= 3
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

    def token(self, client, case):
        """The token of a form on the page of a case, and so of who is signed in."""
        page = client.get(reverse("case", args=[case.pk])).content.decode()
        return re.search(r'name="press" value="([^"]+)"', page)[1]

    def sign_in(self, client, asked, who="ravi"):
        given = {"login": who, "password": make.PASSWORD}
        return client.post(asked["Location"], given, follow=True)

    def still_there(self, client, case, shown):
        """Signed in again, the page of the case holds what was written; one press sends it."""
        assert shown.request["PATH_INFO"] == reverse("case", args=[case.pk])
        assert "What you wrote here was not sent" in words(shown)
        assert "Ask Dr Moreau about the fall" in words(shown)
        assert Case.objects.get(pk=case.pk).state == "claimed"
        # Elsewhere a line leads back to it, for as long as it was neither sent nor left.
        elsewhere = client.get(reverse("preferences")).content.decode()
        assert f'<a href="{reverse("case", args=[case.pk])}">Go back to it</a>' in elsewhere
        kept = shown.context["unsent"]
        client.post(kept["path"], dict(kept["fields"]))
        assert Case.objects.get(pk=case.pk).state == "escalated"
        assert "kept_form" not in client.session

    def test_it_waits_for_the_sign_in_and_is_sent_by_a_press(self, case, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        address = reverse("case-escalate", args=[case.pk])
        asked = browser.client.post(address, self.escalate(case))
        assert asked["Location"] == f"/accounts/login/?next=/cases/{case.pk}"
        self.still_there(browser.client, case, self.sign_in(browser.client, asked))

    @pytest.mark.parametrize("lost", ["the session", "its cookie", "all cookies"])
    def test_so_it_does_where_nothing_says_who_it_was(self, case, ravi, lost):
        """Ended from elsewhere, or cookies cleared: the form itself says whose it is."""
        client = Client(enforce_csrf_checks=lost == "all cookies")
        client.force_login(ravi, backend=BACKEND)
        token = self.token(client, case)
        if lost == "the session":
            client.session.flush()
        elif lost == "its cookie":
            del client.cookies[settings.SESSION_COOKIE_NAME]
        else:
            client.cookies.clear()
        address = reverse("case-escalate", args=[case.pk])
        asked = client.post(address, {**self.escalate(case), "press": token})
        assert asked["Location"] == f"/accounts/login/?next=/cases/{case.pk}"
        client.handler.enforce_csrf_checks = False
        self.still_there(client, case, self.sign_in(client, asked))

    def test_signing_in_again_in_another_window_loses_nothing_either(self, case, ravi):
        client = Client(enforce_csrf_checks=True)
        client.force_login(ravi, backend=BACKEND)
        token = self.token(client, case)
        address = reverse("case-escalate", args=[case.pk])
        old = {**self.escalate(case), "press": token, "csrfmiddlewaretoken": "a" * 32}
        asked = client.post(address, old)
        assert asked["Location"] == reverse("case", args=[case.pk])
        client.handler.enforce_csrf_checks = False
        self.still_there(client, case, client.get(asked["Location"]))

    def test_a_page_that_is_there_is_returned_to_with_its_filters(self, case, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        came = "http://testserver/data-quality?practice=1"
        note = reverse("import-note-answer", args=[5])
        asked = browser.client.post(note, {"text": "Read by telephone"}, headers={"Referer": came})
        assert asked["Location"].endswith("?next=/data-quality%3Fpractice%3D1")
        # Nobody is led to where a stranger's page says.
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        came = "http://elsewhere.example/cases/1"
        asked = browser.client.post(note, {"text": "Read"}, headers={"Referer": came})
        assert "elsewhere" not in asked["Location"]

    def test_it_can_be_left(self, case, ravi):
        browser = Browser(ravi)
        age_session(browser.client, IDLE + 1)
        asked = browser.client.post(reverse("case-escalate", args=[case.pk]), self.escalate(case))
        self.sign_in(browser.client, asked)
        browser.post(reverse("unsent"))
        assert "was not sent" not in words(browser.get(reverse("case", args=[case.pk])))

    def test_what_somebody_else_wrote_here_before_waits_for_them(self, case, ravi, samira):
        client = Client(enforce_csrf_checks=True)
        client.force_login(ravi, backend=BACKEND)
        token = self.token(client, case)
        client.force_login(samira, backend=BACKEND)
        old = {**self.escalate(case), "press": token, "csrfmiddlewaretoken": "a" * 32}
        answer = client.post(reverse("case-escalate", args=[case.pk]), old)
        assert answer.status_code == 409
        assert heading(answer) == "Somebody else wrote this"
        assert "Dr Moreau about the fall" not in answer.content.decode()
        assert Case.objects.get(pk=case.pk).state == "claimed"
        client.handler.enforce_csrf_checks = False
        asked = client.post(reverse("unsent"), {"do": "give_back"})
        self.still_there(client, case, self.sign_in(client, asked))

    def test_a_form_that_nobody_was_shown_is_not_kept(self, case, ravi):
        """A stranger's site has no token of ours, and so puts nothing before anybody."""
        for token in ("", "made.up:signature", f"x.{ravi.pk}"):
            client = Client(enforce_csrf_checks=True)
            client.force_login(ravi, backend=BACKEND)
            sent = {**self.escalate(case), "press": token}
            answer = client.post(reverse("case-escalate", args=[case.pk]), sent)
            assert answer.status_code == 403
            assert "kept_form" not in client.session
            # What was written stands on the page all the same.
            assert "Ask Dr Moreau about the fall" in words(answer)

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
        version = make.tried(publish.draft(note="", by=adam))
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
            asked = browser.post(reverse(name, args=args), agreement="Read it.")
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
