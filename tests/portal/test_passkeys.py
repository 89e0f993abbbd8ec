"""What is sent in the place of a passkey's answer is refused, however odd it is."""

import pytest
from django.urls import reverse

from tests.web.browse import Browser

pytestmark = pytest.mark.django_db
ODD = ["9" * 4301, "[" * 100_000,
    '{"a":' * 50_000, "{}", "[]", "null", "1", '{"id": "\\u0000"}', "", "NaN",
    '{"id": "AA", "rawId": "AA", "response": {}}', '{"id": "AA", "rawId": "AA", "response": []}',
    '{"id": "AA", "rawId": "é", "response": {"clientDataJSON": "AA", "attestationObject": "AA"}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30",'
    ' "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}}',
]  # fmt: skip


@pytest.mark.parametrize("answer", ODD)
def test_at_a_sign_in(client, answer):
    sent = client.post(reverse("mfa_login_webauthn"), {"credential": answer})
    assert sent.status_code in {200, 302}
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("answer", ODD)
def test_where_one_is_added_or_asked_for_again(clara, answer):
    browser = Browser(clara)
    for name in ("mfa_add_webauthn", "mfa_reauthenticate_webauthn"):
        sent = browser.post(reverse(name), credential=answer)
        assert sent.status_code in {200, 302, 400}, name
    assert not clara.authenticator_set.exists()
