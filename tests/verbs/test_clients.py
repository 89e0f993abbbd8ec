"""Keys of client systems."""

import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, NotAllowed
from reviews.models import ApiKey, AuditEvent, Role
from reviews.verbs import clients
from tests import make


def make_key(by, *practices, **changes):
    given = {"name": "Main record", "source_system": "ehr", **changes}
    return clients.make_key(practices=practices, by=by, **given)


def test_a_key_is_told_once_and_kept_as_a_hash(harbour, ada):
    key, secret = make_key(ada, harbour)
    assert secret.startswith(f"{key.prefix}_")
    assert key.key_hash == hashlib.sha256(secret.encode()).hexdigest()
    kept = ApiKey.objects.filter(pk=key.pk).values_list().get()
    assert secret not in map(str, kept)


def test_a_form_that_is_sent_twice_makes_one_key(harbour, ada):
    key, _ = make_key(ada, harbour)
    with pytest.raises(BadRecord, match="key in force"):
        make_key(ada, harbour)
    assert ApiKey.objects.count() == 1
    clients.revoke_key(key=key, by=ada)
    again, _ = make_key(ada, harbour)
    assert again.pk != key.pk


def test_a_key_acts_as_a_service_user_who_may_sync_there_and_nowhere_else(harbour, lakeside, ada):
    key, secret = make_key(ada, harbour)
    assert clients.authenticate(secret).user == key.user
    assert not key.user.has_usable_password()
    assert list(access.practices(key.user, Action.SYNC)) == [harbour]
    assert not access.allowed(key.user, Action.SEE_PATIENT, lakeside)


def test_making_and_revoking_are_told(harbour, ada):
    key, _ = make_key(ada, harbour)
    clients.revoke_key(key=key, by=ada)
    told = AuditEvent.objects.filter(verb__startswith="client.").order_by("pk")
    assert [(event.verb, event.actor_id, event.practice_id) for event in told] == [
        ("client.key_made", ada.pk, harbour.pk),
        ("client.key_revoked", ada.pk, harbour.pk),
    ]


def test_a_key_needs_somebody_who_manages_clients_at_every_practice(harbour, lakeside, ada, clara):
    with pytest.raises(NotAllowed):
        make_key(clara, harbour)
    with pytest.raises(NotAllowed):
        make_key(ada, harbour, lakeside)
    assert not ApiKey.objects.exists()


def test_who_manages_clients_at_one_practice_of_a_key_may_revoke_it(harbour, lakeside, ada, clara):
    make.person("ada", lakeside)
    key, secret = make_key(ada, harbour, lakeside)
    with pytest.raises(NotAllowed):
        clients.revoke_key(key=key, by=clara)
    adam = make.person("adam", lakeside)
    clients.revoke_key(key=key, by=adam)
    assert clients.authenticate(secret) is None
    assert clients.revoke_key(key=key, by=ada).revoked_by == adam, "twice is no error"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"source_system": ""}, "source_system"),
        ({"source_system": "has space"}, "source_system"),
        ({"source_system": "portal"}, "source_system"),
    ],
)
def test_a_key_is_refused_without_a_usable_name_or_source(harbour, ada, changes, field):
    with pytest.raises(BadRecord) as refused:
        make_key(ada, harbour, **changes)
    assert refused.value.field == field


def test_a_key_is_refused_without_a_practice(ada):
    with pytest.raises(BadRecord):
        make_key(ada)


@pytest.mark.parametrize("wrong", ["", "psp_00000000_x", "psp_", "x" * 500])
def test_a_wrong_secret_is_nobodys(harbour, ada, wrong):
    make_key(ada, harbour)
    assert clients.authenticate(wrong) is None


def test_a_right_prefix_with_a_wrong_secret_is_nobodys(harbour, ada):
    _, secret = make_key(ada, harbour)
    assert clients.authenticate(f"{secret[:-1]}{'a' if secret[-1] != 'a' else 'b'}") is None


def test_last_use_is_noted_at_most_once_a_minute(harbour, ada):
    key, secret = make_key(ada, harbour)
    clients.authenticate(secret)
    key.refresh_from_db()
    assert key.last_used_at is not None
    with CaptureQueriesContext(connection) as queries:
        clients.authenticate(secret)
    assert len(queries) == 1


def test_an_importer_is_one_user_per_source_who_may_sync(harbour, lakeside):
    first = clients.importer(practice=harbour, source_system="synthea")
    assert clients.importer(practice=harbour, source_system="synthea") == first
    second = clients.importer(practice=lakeside, source_system="synthea")
    assert second == first
    assert first.memberships.filter(role=Role.INTEGRATION_CLIENT).count() == 2
    assert not first.has_usable_password()
