"""Links in mails lead to the portal's own address; a session alone moves no address."""

import re

import pytest
from django.conf import settings
from django.core import mail
from django.urls import reverse

from reviews.models import AuditEvent
from tests import make
from tests.portal.factors import age_session
from tests.web.browse import Browser, heading, words

PORTAL, NEW = "https://portal.example", "ravi@new.example"


@pytest.fixture(autouse=True)
def _reached_by_many_names(settings):
    settings.PORTAL_URL = PORTAL
    settings.ALLOWED_HOSTS = ["portal.example", "evil.example", "testserver"]


def link_of(message):
    (link,) = re.findall(r"https?://\S+/accounts/\S+", message.body)
    return link


def test_a_password_link_leads_to_the_portal_whatever_the_request_called_it(client, ravi):
    client.post(
        reverse("account_reset_password"), {"email": ravi.email}, headers={"Host": "evil.example"}
    )
    (sent,) = mail.outbox
    assert link_of(sent).startswith(f"{PORTAL}/accounts/password/reset/key/")
    assert "evil" not in sent.subject + sent.body
    assert AuditEvent.objects.get(verb="account.password_link_sent").subject == f"user {ravi.pk}"


def test_nobody_can_have_a_mail_sent_to_an_address_that_no_account_has(client, db):
    client.post(reverse("account_reset_password"), {"email": "anybody@elsewhere.example"})
    assert mail.outbox == []


def test_no_notice_carries_what_a_request_called_the_portal(client, ravi):
    browser = Browser(ravi)
    new = "a quieter horse battery"
    browser.client.post(
        reverse("account_change_password"),
        {"oldpassword": make.PASSWORD, "password1": new, "password2": new},
        headers={"Host": "evil.example"},
    )
    (notice,) = mail.outbox
    assert notice.to == [ravi.email]
    assert "evil" not in notice.subject + notice.body
    assert PORTAL in notice.body


def test_a_mail_server_that_is_away_undoes_nothing(client, ravi, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", 9
    new = "a quieter horse battery"
    answer = Browser(ravi).post(
        reverse("account_change_password"),
        oldpassword=make.PASSWORD,
        password1=new,
        password2=new,
    )
    assert answer.status_code == 302
    ravi.refresh_from_db()
    assert ravi.check_password(new)


class TestAnotherAddress:
    """It takes a proof who asks, and the new mailbox; the old one is told."""

    def ask(self, browser, to=NEW):
        return browser.client.post(reverse("account_email"), {"email": to}, follow=True)

    def confirm(self, browser, link):
        return browser.client.post(link.removeprefix(PORTAL), follow=True)

    def test_a_session_that_was_left_open_cannot(self, ravi):
        browser = Browser(ravi)
        age_session(browser.client, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1)
        answer = self.ask(browser)
        assert heading(answer) == "Confirm that it is you"
        assert mail.outbox == []
        assert not AuditEvent.objects.filter(verb="account.mail_asked").exists()

    def test_the_new_mailbox_agrees_and_the_old_one_is_told(self, ravi):
        browser, before = Browser(ravi), ravi.email
        assert "Until it is used, nothing changes" in words(self.ask(browser))
        (sent,) = mail.outbox
        assert sent.to == [NEW]
        ravi.refresh_from_db()
        assert ravi.email == before
        link = link_of(sent)
        assert heading(browser.get(link.removeprefix(PORTAL))) == f"Use {NEW}?"
        self.confirm(browser, link)
        ravi.refresh_from_db()
        assert ravi.email == NEW
        told = mail.outbox[-1]
        assert told.to == [before]
        assert NEW in told.body
        asked, changed = AuditEvent.objects.filter(verb__startswith="account.mail").order_by("pk")
        assert (asked.verb, changed.verb) == ("account.mail_asked", "account.mail_changed")
        assert (changed.detail["before"], changed.detail["after"]) == (before, NEW)
        assert self.confirm(browser, link).status_code == 409

    def test_one_that_the_account_cannot_keep_is_refused(self, ravi):
        domain = ".".join(["b" * 60] * 4) + ".org"
        answer = self.ask(Browser(ravi), f"{'a' * 60}@{domain}")
        assert answer.status_code == 422
        assert "is longer than 254 characters" in words(answer)
        assert mail.outbox == []

    def test_the_link_does_nothing_for_anybody_else_or_nobody(self, client, ravi, samira):
        self.ask(Browser(ravi))
        link = link_of(mail.outbox[0])
        assert self.confirm(Browser(samira), link).status_code == 409
        assert client.post(link.removeprefix(PORTAL)).status_code == 302
        ravi.refresh_from_db()
        samira.refresh_from_db()
        assert NEW not in {ravi.email, samira.email}

    def test_a_link_that_was_changed_or_is_old_does_nothing(self, ravi, monkeypatch):
        browser = Browser(ravi)
        self.ask(browser)
        link = link_of(mail.outbox[0])
        assert self.confirm(browser, link[:-1] + "x").status_code == 409
        monkeypatch.setattr("portal.account_pages.LINK_SECONDS", -1)
        assert self.confirm(browser, link).status_code == 409
        ravi.refresh_from_db()
        assert ravi.email != NEW

    @pytest.mark.parametrize(
        ("to", "why"),
        [
            ("not an address", "is not an e-mail address"),
            ("RAVI@example.org", "is the one you have"),
            ("Samira@example.org", "cannot be used here"),
        ],
    )
    def test_what_cannot_be_used_is_told_at_the_field(self, ravi, samira, to, why):
        answer = self.ask(Browser(ravi), to)
        assert answer.status_code == 422
        assert why in words(answer)
        assert mail.outbox == []

    def test_an_address_that_somebody_took_meanwhile_is_refused(self, ravi, samira):
        browser = Browser(ravi)
        self.ask(browser)
        samira.email = NEW
        samira.save()
        assert self.confirm(browser, link_of(mail.outbox[0])).status_code == 400
        ravi.refresh_from_db()
        assert ravi.email != NEW
