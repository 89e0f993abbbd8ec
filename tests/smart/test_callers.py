"""What an edge knows of a caller with a token."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from reviews import access, walls
from reviews.access import Action
from reviews.callers import Token
from reviews.models import AccessToken, Patient
from tests import make


def ask(header):
    headers = {"Authorization": header} if header else {}
    return Request(APIRequestFactory().get("/fhir/Patient", headers=headers))


def test_a_token_is_its_client_with_its_scopes(system, harbour, lakeside, clara, dora):
    make.patient(harbour, clara)
    make.patient(lakeside, dora, family_name="Marsh")
    token = system.ask(scope="system/Patient.rs").json()["access_token"]
    with walls.seeing(walls.NO_PRACTICE):
        assert not Patient.objects.exists()
        user, grant = Token().authenticate(ask(f"Bearer {token}"))
        assert [each.family_name for each in Patient.objects.all()] == ["Bell"]
    assert user == system.client.user
    assert access.practice_ids(user, Action.SEE_PATIENT) == [harbour.pk]
    assert grant.scopes.bounds("Patient", "s") == ()
    assert grant.scopes.bounds("Patient", "u") is None
    assert (grant.key, grant.source_system) == (system.client, "ehr")


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer pst_x", "bearer pst_é"])
def test_what_is_no_token_is_refused_and_says_so(db, header):
    with pytest.raises(AuthenticationFailed):
        Token().authenticate(ask(header))
    assert 'error="invalid_token"' in Token().authenticate_header(ask(header))


def test_without_a_token_nobody_is_known(db):
    assert Token().authenticate(ask("")) is None
    assert Token().authenticate(ask("Basic eDp5")) is None
    assert "invalid_token" not in Token().authenticate_header(ask(""))


def test_a_token_that_is_over_is_refused(system):
    token = system.ask().json()["access_token"]
    AccessToken.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed):
        Token().authenticate(ask(f"Bearer {token}"))


def test_a_token_is_no_key_of_the_api(system):
    token = system.ask(scope="system/*.cruds").json()["access_token"]
    answer = system.http.get("/api/v1/patients", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
