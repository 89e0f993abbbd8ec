"""Systems that sign, from registering one to withdrawing it: on pages, and by a command."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from reviews.models import AccessToken, AuditEvent, Client
from reviews.verbs import registrations, tokens
from tests import make, signing
from tests.web.browse import Browser, heading, words


def fields(*practices, **changes):
    return {
        "name": "Main record system",
        "source_system": "main-record",
        "practices": [practice.pk for practice in practices],
        "allowed": "system/Patient.rs",
        "hook_issuer": "https://ehr.example",
        "keys": json.dumps(signing.public(signing.ec())),
        **changes,
    }


def registered(harbour, ada, **changes):
    given = fields(**changes) | {"practices": [harbour]}
    return registrations.register(**given, by=ada)


def test_who_registers_systems(ada, clara, ravi, maeve):
    assert Browser(ada).get("/keys/systems/register").status_code == 200
    for user in (clara, ravi, maeve):
        assert Browser(user).get("/keys/systems/register").status_code == 403


def test_a_system_is_registered_and_its_page_says_by_which_id_it_calls(harbour, ada):
    browser = Browser(ada)
    page = browser.follow("/keys/systems/register", **fields(harbour))
    client = Client.objects.get()
    assert heading(page) == "Main record system"
    for said in (client.client_id, "system/Patient.rs", "https://ehr.example", "ec-1"):
        assert said in words(page)
    assert "Main record system" in words(browser.get("/keys"))
    event = AuditEvent.objects.get(verb="client.registered")
    assert (event.practice_id, event.detail["keys"]) == (harbour.pk, ["ec-1"])


FAULTS = [
    ({"name": ""}, "required"),
    ({"source_system": "portal"}, "own forms"),
    ({"practices": []}, "required"),
    ({"allowed": "", "hook_issuer": ""}, "say what its tokens allow"),
    ({"allowed": "system/Nothing.rs"}, "not served"),
    ({"allowed": "user/Patient.rs"}, "only system/"),
    ({"hook_issuer": "two words"}, "without spaces"),
    ({"keys": ""}, "are needed"),
    ({"keys": "x"}, "is no JSON"),
    ({"keys": "{}"}, "is no key set"),
    ({"keys": '{"keys": []}'}, "is no key set"),
    ({"keys": json.dumps(signing.private(signing.ec()))}, "holds the private half"),
    ({"keys": json.dumps(signing.public(signing.short_rsa()))}, "bits"),
    ({"keys": json.dumps(signing.public(signing.ec("p", "P-256")))}, "P-384"),
    ({"keys": json.dumps(signing.public(signing.ec(), signing.ec()))}, "one kid"),
    ({"jwks_url": "ftp://ehr.example/jwks"}, "begins with https://"),
    ({"jwks_url": "https://u:p@ehr.example/jwks"}, "user name"),
    ({"fhir_server": "ehr.example"}, "begins with https://"),
]


@pytest.mark.parametrize(("changes", "said"), FAULTS)
def test_what_cannot_be_registered_comes_back_with_the_reason(changes, said, harbour, ada):
    answer = Browser(ada).post("/keys/systems/register", **fields(harbour) | changes)
    assert answer.status_code == 422
    # A reason begins its sentence.
    assert said.lower() in words(answer).lower()
    assert not Client.objects.exists()


def test_an_issuer_is_one_system_at_a_time(harbour, ada):
    first = registered(harbour, ada)
    answer = Browser(ada).post("/keys/systems/register", **fields(harbour, name="Another"))
    assert answer.status_code == 422
    assert "Is that of a system in force" in words(answer)
    registrations.withdraw(client=first, by=ada)
    assert Browser(ada).post("/keys/systems/register", **fields(harbour)).status_code == 302


def test_no_system_reaches_a_practice_one_does_not_manage(harbour, lakeside, ada):
    answer = Browser(ada).post("/keys/systems/register", **fields(harbour, lakeside))
    assert answer.status_code == 422
    assert not Client.objects.exists()


def test_keys_are_added_and_withdrawn(harbour, ada):
    client, browser = registered(harbour, ada), Browser(ada)
    address = f"/keys/systems/{client.pk}"
    new = json.dumps(signing.public(signing.ec("ec-2")))
    assert "ec-2 works from now on" in words(browser.follow(address, keys=new))
    again = browser.post(address, keys=new)
    assert again.status_code == 422
    assert "is the name of a key that it has or had" in words(again)
    old = client.keys.get(kid="ec-1")
    page = words(browser.follow(f"{address}/keys/{old.pk}/withdraw"))
    assert "ec-1 is withdrawn" in page
    verbs = [event.verb for event in AuditEvent.objects.filter(verb__contains="signing_key")]
    assert verbs == ["client.signing_key_added", "client.signing_key_withdrawn"]
    # What was withdrawn never comes back under its name.
    old_again = json.dumps(signing.public(signing.ec("ec-1")))
    assert browser.post(address, keys=old_again).status_code == 422


def test_too_many_keys_are_refused(harbour, ada):
    client = registered(harbour, ada)
    many = [signing.ec().as_dict(private=False) | {"kid": f"k{n}"} for n in range(10)]
    answer = Browser(ada).post(f"/keys/systems/{client.pk}", keys=json.dumps({"keys": many}))
    assert answer.status_code == 422
    assert client.keys.count() == 1


def test_withdrawing_asks_first_and_ends_everything(harbour, ada, maeve):
    client, browser = registered(harbour, ada), Browser(maeve)
    token = f"{tokens.PREFIX}x"
    AccessToken.objects.create(
        digest=tokens._digest(token),
        client=client,
        scopes="system/Patient.rs",
        ends_at=make.timezone.now() + tokens.LASTS,
    )
    assert tokens.recognise(token)
    address = f"/keys/systems/{client.pk}/withdraw"
    assert heading(browser.get(address)) == "Withdraw Main record system?"
    assert "is withdrawn" in words(browser.follow(address))
    assert tokens.recognise(token) is None
    assert not AccessToken.objects.exists()
    client.refresh_from_db()
    assert client.withdrawn_by == maeve
    assert not client.user.is_active
    assert "is withdrawn" in heading(browser.get(f"/keys/systems/{client.pk}"))
    new = json.dumps(signing.public(signing.ec("ec-2")))
    assert Browser(ada).post(f"/keys/systems/{client.pk}", keys=new).status_code == 409


def test_a_system_of_another_practice_is_not_there(harbour, lakeside, ada):
    client = registered(harbour, ada)
    stranger = Browser(make.person("adam", lakeside))
    for address in (
        f"/keys/systems/{client.pk}",
        f"/keys/systems/{client.pk}/withdraw",
    ):
        assert stranger.get(address).status_code == 404
    assert "Main record system" not in words(stranger.get("/keys"))


# -- The command ---------------------------------------------------------------------------------


def run(*words):
    out = StringIO()
    call_command("clients", *words, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def key_file(tmp_path):
    def written(*keys):
        file = tmp_path / f"{keys[0].kid}.json"
        file.write_text(json.dumps(signing.public(*keys)))
        return str(file)

    return written


def test_the_command_registers_rotates_and_withdraws(harbour, key_file):
    scopes = "system/Task.rs"
    client_id = run(
        *("register", "Main record", "--source", "main", "--practice", "harbour"),
        *("--scopes", scopes, "--keys", key_file(signing.ec())),
    )
    client = Client.objects.get(client_id=client_id)
    assert (client.scopes, client.created_by) == (scopes, None)
    assert "ec-2" in run("add-keys", client_id, key_file(signing.ec("ec-2")))
    run("withdraw-key", client_id, "ec-1")
    assert "ec-1, withdrawn" in run()
    run("withdraw", client_id)
    assert "withdrawn" in run()
    client.refresh_from_db()
    assert client.withdrawn_at


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("register", "X", "--source", "x", "--practice", "nowhere"), "no practice"),
        (("register", "X", "--source", "x", "--practice", "harbour"), "say what"),
        (("add-keys", "nobody", "/nowhere"), "no system"),
        (("withdraw", "nobody"), "no system"),
    ],
)
def test_the_command_says_what_is_wrong(harbour, given, said):
    with pytest.raises(CommandError, match=said):
        run(*given)
