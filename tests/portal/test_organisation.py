"""Sign-in by the organisation, against a real OpenID Connect provider on this machine."""

from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import environ
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from pytest_iam import iam_configuration as as_it_comes  # noqa: F401 - fixtures
from pytest_iam import iam_server, iam_server_port  # noqa: F401

from portal import environment
from reviews.models import ApiKey, AuditEvent, Practice, SecondFactor
from tests import make
from tests.portal.factors import App, age_session, is_signed_in
from tests.web.browse import heading, words

LOGIN, CALLBACK = (
    "/accounts/oidc/organisation/login/",
    "/accounts/oidc/organisation/login/callback/",
)
PASSWORD = "at the organisation"
SECRET = "a secret between the portal and its organisation"


@pytest.fixture(scope="session")
def iam_configuration(as_it_comes):  # noqa: F811
    """The portal proves by PKCE that it is the one who asked, and sends no nonce beside it."""
    as_it_comes["CANAILLE_OIDC"]["REQUIRE_NONCE"] = False
    return as_it_comes


@pytest.fixture
def provider(request, monkeypatch, settings):
    """The provider, which knows the portal as a client; the portal is told where it is."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    iam = request.getfixturevalue("iam_server")
    with iam.app.app_context():
        portal = iam.models.Client(
            client_id="portal",
            client_secret=SECRET,
            client_name="Portal",
            client_uri="http://testserver",
            redirect_uris=[f"http://testserver{CALLBACK}"],
            grant_types=["authorization_code"],
            response_types=["code"],
            token_endpoint_auth_method="client_secret_post",
            scope=["openid", "email", "profile"],
        )
        iam.backend.save(portal)
        portal.audience = [portal]
        iam.backend.save(portal)
    monkeypatch.setenv("OIDC_SERVER_URL", iam.url)
    monkeypatch.setenv("OIDC_CLIENT_ID", "portal")
    monkeypatch.setenv("OIDC_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("OIDC_NAME", "Harbour Health")
    settings.SOCIALACCOUNT_PROVIDERS = environment.organisation(environ.Env(), https=False)
    settings.OIDC_NAME = "Harbour Health"
    # This provider does not say of an address whether it was verified.
    settings.OIDC_OWNS_MAIL = True
    yield iam
    with iam.app.app_context():
        for kind in (iam.models.Token, iam.models.Consent, iam.models.User, iam.models.Client):
            for row in iam.backend.query(kind):
                iam.backend.delete(row)


def employ(provider, name, address):
    """Somebody whom the organisation knows, and who agreed that the portal may ask for them."""
    with provider.app.app_context():
        person = provider.models.User(
            user_name=name,
            given_name=name.capitalize(),
            family_name="Shah",
            formatted_name=name.capitalize(),
            emails=[address],
            password=PASSWORD,
        )
        provider.backend.save(person)
    provider.consent(person)
    return person


def to_provider(client, person, start=LOGIN):
    """Follow the portal to the provider, sign in there, and bring back where it sends one on to."""
    answer = client.get(start)
    while answer["Location"].startswith("/"):
        answer = client.get(answer["Location"])
    address, form = answer["Location"], None
    browser = requests.Session()
    for _step in range(10):
        page = browser.request(
            "POST" if form else "GET", address, data=form, allow_redirects=False, timeout=10
        )
        if page.is_redirect:
            address, form = urljoin(address, page.headers["Location"]), None
            if urlsplit(address).netloc == "testserver":
                return address
        elif 'name="login"' in page.text:
            form = {"login": person.user_name}
        else:
            assert 'name="password"' in page.text, page.text
            form = {"password": PASSWORD}
    raise AssertionError("the provider never sent anybody on")


def back(client, address):
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}", follow=True)


def sign_in(client, person):
    return back(client, to_provider(client, person))


def test_the_account_that_was_made_for_an_address_is_linked_and_then_known(client, provider, ravi):
    person = employ(provider, "rshah", ravi.email.upper())
    answer = sign_in(client, person)
    assert heading(answer) != "Sign in"
    assert client.session["_auth_user_id"] == str(ravi.pk)
    linked = SocialAccount.objects.get()
    assert linked.user == ravi
    kinds = list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))[-2:]
    assert kinds == ["account.organisation_linked", "sign_in.done"]
    assert AuditEvent.objects.get(verb="sign_in.done").detail["how"] == "organisation"
    # From now on the organisation's identifier counts: another address changes nothing.
    User.objects.filter(pk=ravi.pk).update(email="moved@example.org")
    other = Client()
    sign_in(other, person)
    assert other.session["_auth_user_id"] == str(ravi.pk)
    assert SocialAccount.objects.count() == 1


def test_the_sign_in_page_offers_it_by_name(client, provider, db):
    page = client.get(reverse("account_login"))
    assert "Sign in at Harbour Health" in words(page)
    assert LOGIN in page.content.decode()


def test_without_a_provider_nothing_is_offered(client, db):
    assert "Sign in at" not in words(client.get(reverse("account_login")))
    assert client.get(LOGIN).status_code == 404


def test_nobody_gets_an_account_by_it(client, provider, ravi):
    before = User.objects.count()
    answer = sign_in(client, employ(provider, "eve", "eve@elsewhere.example"))
    assert answer.status_code == 403
    assert heading(answer) == "The portal does not know you"
    assert not is_signed_in(client)
    assert User.objects.count() == before
    assert AuditEvent.objects.get(verb="sign_in.refused").subject == ""


def test_an_address_that_nobody_vouches_for_opens_nothing(client, provider, ravi, settings):
    settings.OIDC_OWNS_MAIL = False
    answer = sign_in(client, employ(provider, "rshah", ravi.email))
    assert answer.status_code == 403
    assert not SocialAccount.objects.exists()


def test_an_address_that_was_given_to_a_second_person_opens_nothing(client, provider, ravi):
    sign_in(client, employ(provider, "rshah", ravi.email))
    other = Client()
    answer = sign_in(other, employ(provider, "successor", ravi.email))
    assert answer.status_code == 403
    assert not is_signed_in(other)


def test_a_leaver_is_not_let_in(client, provider, ravi):
    person = employ(provider, "rshah", ravi.email)
    sign_in(client, person)
    User.objects.filter(pk=ravi.pk).update(is_active=False)
    other = Client()
    sign_in(other, person)
    assert not is_signed_in(other)


def test_a_second_factor_of_the_portal_is_asked_for_all_the_same(client, provider, ravi):
    app = App(ravi)
    answer = sign_in(client, employ(provider, "rshah", ravi.email))
    assert answer.request["PATH_INFO"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"code": app.code()})
    assert is_signed_in(client)


@pytest.mark.parametrize(("asks", "opens"), [(False, 302), (True, 200)])
def test_the_policy_of_a_practice_may_be_met_by_the_organisation(
    client, provider, harbour, ravi, settings, asks, opens
):
    settings.OIDC_SECOND_FACTOR = asks
    Practice.objects.update(second_factor=SecondFactor.OFFICES)
    sign_in(client, employ(provider, "rshah", ravi.email))
    assert is_signed_in(client)
    assert client.get(reverse("queue")).status_code == opens


def test_an_answer_that_was_not_asked_for_or_was_used_opens_nothing(client, provider, ravi):
    person = employ(provider, "rshah", ravi.email)
    address = to_provider(client, person)
    stranger = Client()
    answer = back(stranger, address)
    assert not is_signed_in(stranger)
    assert heading(answer) == "Your organisation did not answer"
    back(client, address)
    assert is_signed_in(client)
    client.post(reverse("account_logout"))
    back(client, address)
    assert not is_signed_in(client)


def test_a_code_that_was_given_to_another_browser_opens_nothing(client, provider, ravi):
    """Whoever got hold of somebody's code, or smuggles in their own, lacks what asked for it."""
    stolen = parse_qs(urlsplit(to_provider(client, employ(provider, "rshah", ravi.email))).query)
    thief = Client()
    state = parse_qs(urlsplit(thief.get(LOGIN)["Location"]).query)["state"]
    answer = back(thief, f"{CALLBACK}?{urlencode(stolen | {'state': state}, doseq=True)}")
    assert not is_signed_in(thief)
    assert heading(answer) == "Your organisation did not answer"


def test_a_portal_with_the_wrong_secret_lets_nobody_in(client, provider, ravi, settings):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["secret"] = "another"
    sign_in(client, employ(provider, "rshah", ravi.email))
    assert not is_signed_in(client)


def test_a_provider_that_is_away_is_told_and_the_password_still_works(
    client, provider, ravi, settings
):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["settings"]["server_url"] = "http://localhost:9"
    answer = client.get(LOGIN)
    assert heading(answer) == "Your organisation did not answer"
    client.post(reverse("account_login"), {"login": "ravi", "password": make.PASSWORD})
    assert is_signed_in(client)


class TestConfirming:
    """Whoever has nothing but the organisation's sign-in confirms there, and their form goes on."""

    @pytest.fixture
    def signed_in(self, client, provider, ada):
        ada.set_unusable_password()
        ada.save()
        person = employ(provider, "ada", ada.email)
        sign_in(client, person)
        age_session(client, 16 * 60)
        return person

    def test_what_was_written_is_sent_on(self, client, provider, signed_in, harbour):
        form = {"name": "EHR", "source_system": "ehr", "practices": harbour.pk}
        asked = client.post(reverse("key-make"), form)
        assert not ApiKey.objects.exists()
        # It asks whoever has a session there as well: they sign in anew.
        assert "prompt=login" in client.get(client.get(asked["Location"])["Location"])["Location"]
        made = back(client, to_provider(client, signed_in, asked["Location"]))
        assert ApiKey.objects.get().name == "EHR"
        assert "psp_" in made.content.decode()
        event = AuditEvent.objects.get(verb="sign_in.confirmed")
        assert event.detail["how"] == "organisation"

    def test_somebody_else_of_the_organisation_confirms_nothing(
        self, client, provider, signed_in, harbour, ravi
    ):
        form = {"name": "EHR", "source_system": "ehr", "practices": harbour.pk}
        asked = client.post(reverse("key-make"), form)
        somebody = employ(provider, "rshah", ravi.email)
        answer = back(client, to_provider(client, somebody, asked["Location"]))
        assert answer.status_code == 403
        assert not ApiKey.objects.exists()

    def test_coming_back_without_having_been_there_confirms_nothing(
        self, client, provider, signed_in, harbour
    ):
        form = {"name": "EHR", "source_system": "ehr", "practices": harbour.pk}
        client.post(reverse("key-make"), form)
        answer = client.get(reverse("confirmed-at-organisation"), {"next": reverse("key-make")})
        assert answer["Location"] == reverse("confirm-at-organisation")
        assert not ApiKey.objects.exists()


class TestSettings:
    @pytest.fixture
    def given(self, monkeypatch):
        def give(**values):
            for name in ("OIDC_SERVER_URL", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
                monkeypatch.setenv(name, values.get(name, ""))
            return environ.Env()

        return give

    def test_half_of_it_is_refused_by_name(self, given):
        env = given(OIDC_SERVER_URL="https://id.example", OIDC_CLIENT_ID="portal")
        with pytest.raises(ImproperlyConfigured, match="needs OIDC_CLIENT_SECRET"):
            environment.organisation(env, https=True)

    def test_answers_that_could_be_read_on_the_way_are_refused(self, given):
        env = given(
            OIDC_SERVER_URL="http://id.example", OIDC_CLIENT_ID="portal", OIDC_CLIENT_SECRET="x"
        )
        with pytest.raises(ImproperlyConfigured, match="https"):
            environment.organisation(env, https=True)

    def test_nothing_is_nothing(self, given):
        assert environment.organisation(given(), https=True) == {}
