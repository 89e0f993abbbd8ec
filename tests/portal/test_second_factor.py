"""The second factor: asked for by a practice's policy, guessed by nobody, each code good once."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reviews.models import MACHINES, AuditEvent, Membership, Practice, Role, SecondFactor
from tests import make
from tests.portal.factors import (
    App,
    age_session,
    give_code,
    give_password,
    has,
    is_signed_in,
    shown,
)
from tests.web.browse import Browser, heading, words

LIMIT = settings.SIGN_IN_FAILURE_LIMIT


@pytest.fixture
def app(ravi):
    return App(ravi)


def ask(practice, policy):
    Practice.objects.filter(pk=practice.pk).update(second_factor=policy)


class TestCodes:
    def test_a_right_code_signs_in_and_the_trail_says_by_what(self, client, ravi, app):
        give_password(client, ravi)
        assert not is_signed_in(client)
        give_code(client, app.code())
        assert is_signed_in(client)
        done = AuditEvent.objects.get(verb="sign_in.done")
        assert done.detail["how"] == "password, code of an app"

    def test_a_used_code_is_refused_in_every_session(self, client, ravi, app):
        code = app.code()
        give_password(client, ravi)
        give_code(client, code)
        other = Client()
        give_password(other, ravi)
        answer = give_code(other, f"{code[:3]} {code[3:]}")
        assert not is_signed_in(other)
        assert "was used already" in words(answer)

    def test_a_used_code_is_refused_while_the_cache_forgets(self, client, ravi, app):
        code = app.code()
        give_password(client, ravi)
        give_code(client, code)
        cache.clear()
        other = Client()
        give_password(other, ravi)
        give_code(other, code)
        assert not is_signed_in(other)

    def test_the_code_that_sets_an_app_up_does_not_sign_in_afterwards(self, ravi):
        browser = Browser(ravi)
        secret = browser.get(reverse("mfa_activate_totp")).context["form"].secret
        code = shown(secret)
        browser.post(reverse("mfa_activate_totp"), code=code)
        assert has(ravi, "totp")
        other = Client()
        give_password(other, ravi)
        give_code(other, code)
        assert not is_signed_in(other)
        give_code(other, shown(secret, 1))
        assert is_signed_in(other)

    def test_wrong_codes_are_counted_over_all_sessions_and_addresses(self, ravi, app):
        for number in range(LIMIT):
            stranger = Client(REMOTE_ADDR=f"192.0.2.{number}")
            give_password(stranger, ravi)
            assert give_code(stranger, app.wrong(number)).status_code == 200
        stranger = Client(REMOTE_ADDR="192.0.2.200")
        give_password(stranger, ravi)
        refused = give_code(stranger, app.code())
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) <= 900
        assert not is_signed_in(stranger)

    def test_recovery_codes_share_the_count_and_each_works_once(self, client, ravi, app):
        first, second = app.recovery.get_unused_codes()[:2]
        give_password(client, ravi)
        give_code(client, first)
        assert is_signed_in(client)
        stranger = Client()
        give_password(stranger, ravi)
        give_code(stranger, first)
        assert not is_signed_in(stranger)
        for _ in range(LIMIT - 1):
            give_code(stranger, "00000000")
        assert give_code(stranger, second).status_code == 429

    def test_wrong_codes_of_a_stranger_keep_nobody_out_of_a_browser_they_use(
        self, client, ravi, app
    ):
        give_password(client, ravi)
        give_code(client, app.code())
        client.post(reverse("account_logout"))
        stranger = Client()
        give_password(stranger, ravi)
        for number in range(LIMIT + 1):
            give_code(stranger, app.wrong(number))
        give_password(client, ravi)
        give_code(client, app.code(1))
        assert is_signed_in(client)

    def test_confirming_by_a_code_is_counted_too(self, client, ravi, app):
        give_password(client, ravi)
        give_code(client, app.code())
        for number in range(LIMIT):
            client.post(reverse("mfa_reauthenticate"), {"code": app.wrong(number)})
        answer = client.post(reverse("mfa_reauthenticate"), {"code": app.code(1)})
        assert answer.status_code == 429

    def test_a_wrong_code_stands_in_the_trail_and_not_the_code(self, client, ravi, app):
        give_password(client, ravi)
        give_code(client, app.wrong())
        refused = AuditEvent.objects.get(verb="sign_in.refused")
        assert refused.detail["why"] == "wrong code"
        assert app.wrong() not in str(refused.detail)

    def test_secrets_are_kept_encrypted_and_old_ones_still_work(self, client, ravi, app, settings):
        assert app.secret not in str(Authenticator.objects.get(user=ravi, type="totp").data)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-another-key-another-key-another-key-another"
        give_password(client, ravi)
        give_code(client, app.code())
        assert is_signed_in(client)

    def test_a_secret_from_before_they_were_encrypted_works(self, client, ravi, app):
        Authenticator.objects.filter(type="totp").update(data={"secret": app.secret})
        give_password(client, ravi)
        give_code(client, app.code())
        assert is_signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_of_four_hundred_codes_at_once_five_are_looked_at(ravi):
    """Over eight sessions, as fast as they come; the last of them was once as good as any."""
    app = App(ravi)
    sessions = []
    for _ in range(8):
        client = Client()
        give_password(client, ravi)
        sessions.append(client)
    begin = threading.Barrier(8)

    def guess(number):
        begin.wait()
        try:
            return [give_code(sessions[number], app.wrong(n)).status_code for n in range(50)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = [status for told in pool.map(guess, range(8)) for status in told]
    assert answers.count(200) == LIMIT
    assert answers.count(429) == 400 - LIMIT
    assert give_code(sessions[0], app.code()).status_code == 429
    assert not is_signed_in(sessions[0])


class TestPolicy:
    """Who must, by role; what they can do until it is there."""

    @pytest.mark.parametrize(
        ("role", "policy", "must"),
        [
            (Role.REVIEWER, SecondFactor.OFFICES, True),
            (Role.FORMULARY_ADMIN, SecondFactor.OFFICES, True),
            (Role.AUDITOR, SecondFactor.OFFICES, True),
            (Role.CLINICIAN, SecondFactor.OFFICES, False),
            (Role.CLINICIAN, SecondFactor.EVERYBODY, True),
            (Role.INTEGRATION_CLIENT, SecondFactor.EVERYBODY, False),
            (Role.REVIEWER, SecondFactor.OPTIONAL, False),
            (Role.AUDITOR, SecondFactor.OPTIONAL, False),
        ],
    )
    def test_by_role_and_practice(self, harbour, role, policy, must):
        ask(harbour, policy)
        somebody = make.person("somebody", harbour, role)
        answer = Browser(somebody).get(reverse("preferences"))
        assert (answer.status_code == 302 and answer["Location"] == reverse("mfa_index")) is must

    def test_every_role_but_clinician_and_machine_is_an_office(self):
        assert SecondFactor.OFFICES.roles == set(Role) - {Role.CLINICIAN, *MACHINES}

    def test_a_role_that_has_ended_asks_for_none(self, harbour, lakeside, ravi):
        ended = timezone.now() - timedelta(minutes=1)
        Membership.objects.create(user=ravi, practice=lakeside, role=Role.AUDITOR, ends_at=ended)
        ask(lakeside, SecondFactor.OFFICES)
        assert Browser(ravi).get(reverse("queue")).status_code == 200

    def test_a_new_practice_asks_for_it(self, db):
        made = Practice.objects.create(code="new", name="New", profile="UK")
        assert made.second_factor == SecondFactor.OFFICES

    def test_a_practice_says_so_by_a_command_and_the_trail_keeps_it(self, harbour):
        call_command("practice", "harbour", second_factor="everybody", stdout=StringIO())
        harbour.refresh_from_db()
        assert harbour.second_factor == SecondFactor.EVERYBODY
        event = AuditEvent.objects.get(verb="practice.changed")
        assert event.detail["after"] == {"second_factor": "everybody"}

    def test_the_strictest_practice_of_a_person_counts(self, harbour, lakeside, ravi):
        Membership.objects.create(user=ravi, practice=lakeside, role=Role.AUDITOR)
        ask(lakeside, SecondFactor.OFFICES)
        assert Browser(ravi).get(reverse("queue")).status_code == 302

    @pytest.mark.parametrize("name", ["queue", "patients", "preferences", "own-sessions"])
    def test_until_then_nothing_else_is_to_be_had(self, harbour, ravi, name):
        ask(harbour, SecondFactor.OFFICES)
        answer = Browser(ravi).client.get(reverse(name), follow=True)
        assert answer.request["PATH_INFO"] == reverse("mfa_index")
        assert "practice asks for a second factor" in words(answer)

    def test_nor_a_write_nor_the_api(self, harbour, clara, ravi):
        case = make.flagged_case(harbour, logged_by=clara)
        ask(harbour, SecondFactor.OFFICES)
        browser = Browser(ravi)
        browser.post(reverse("case-claim", args=[case.pk]))
        case.refresh_from_db()
        assert case.owner is None
        answer = browser.get("/api/v1/cases")
        assert answer.status_code == 403
        assert "second factor" in answer.json()["detail"]

    def test_a_part_of_a_page_leads_the_whole_page_there(self, harbour, ravi):
        ask(harbour, SecondFactor.OFFICES)
        answer = Browser(ravi).client.get(reverse("queue"), headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == reverse("mfa_index")

    def test_signing_out_is_possible(self, harbour, ravi):
        ask(harbour, SecondFactor.OFFICES)
        browser = Browser(ravi)
        browser.post(reverse("account_logout"))
        assert not is_signed_in(browser.client)

    def test_once_it_is_there_everything_is_open_at_once(self, client, harbour, ravi):
        ask(harbour, SecondFactor.OFFICES)
        give_password(client, ravi)
        assert client.get(reverse("queue")).status_code == 302
        secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
        client.post(reverse("mfa_activate_totp"), {"code": shown(secret)})
        assert client.get(reverse("queue")).status_code == 200
        assert has(ravi, "recovery_codes")

    def test_recovery_codes_alone_are_no_second_factor(self, harbour, ravi):
        ask(harbour, SecondFactor.OFFICES)
        App(ravi).totp.instance.delete()
        assert Browser(ravi).get(reverse("queue")).status_code == 302

    def test_a_running_session_learns_of_a_new_policy_within_a_minute(self, harbour, ravi):
        browser = Browser(ravi)
        assert browser.get(reverse("queue")).status_code == 200
        ask(harbour, SecondFactor.OFFICES)
        age_session(browser.client, 61)
        assert browser.get(reverse("queue")).status_code == 302


class TestChanges:
    """Each change of a factor asks who it is, is mailed, and stands in the trail."""

    def test_setting_up_and_removing(self, ravi):
        browser = Browser(ravi)
        secret = browser.get(reverse("mfa_activate_totp")).context["form"].secret
        browser.post(reverse("mfa_activate_totp"), code=shown(secret))
        age_session(browser.client, 16 * 60)
        asked = browser.client.post(reverse("mfa_deactivate_totp"), follow=True)
        assert heading(asked) == "Confirm that it is you"
        assert has(ravi, "totp")
        browser.client.post(
            reverse("account_reauthenticate"),
            {"password": make.PASSWORD, "next": reverse("mfa_deactivate_totp")},
        )
        assert not has(ravi, "totp")
        removed = AuditEvent.objects.filter(verb="account.factor_removed").order_by("pk")
        assert [row.detail["kind"] for row in removed] == ["code of an app", "recovery code"]
        assert mail.outbox[-1].to == [ravi.email]
        assert not re.search(r"\b\d{6}\b", mail.outbox[-1].body)

    @pytest.mark.django_db(transaction=True)
    def test_adding_stands_in_the_trail(self, ravi):
        browser = Browser(ravi)
        secret = browser.get(reverse("mfa_activate_totp")).context["form"].secret
        browser.post(reverse("mfa_activate_totp"), code=shown(secret))
        added = AuditEvent.objects.filter(verb="account.factor_added")
        assert {row.detail["kind"] for row in added} == {"recovery code", "code of an app"}
        assert {row.actor_id for row in added} == {ravi.pk}
        browser.post(reverse("mfa_generate_recovery_codes"))
        assert AuditEvent.objects.filter(verb="account.codes_made").count() == 1
