"""A list of staff elsewhere keeps the people of a practice by REST, and sees no patient."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from reviews.models import AuditEvent, Invitation, Membership, Role
from reviews.verbs import clients, invitations, leaving
from tests import make
from tests.api.conftest import System
from tests.web.browse import Browser

CLINICAL = ("prescriptions", "readings", "tapers", "patients", "notes", "flags", "cases")


class Staff(System):
    """The list of staff, with a key that keeps people."""

    def send(self, method, path, **body):
        return self.http.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=self._headers(),
        )


def staff_of(*practices, by):
    return Staff(
        *clients.make_key(
            name="Staff list", source_system="hr", practices=practices, kind="people", by=by
        )
    )


@pytest.fixture
def hr(harbour, maeve):
    return staff_of(harbour, by=maeve)


def test_somebody_is_invited_changed_checked_and_leaves(hr, harbour, ravi, settings):
    settings.PORTAL_URL = "https://portal.example"
    answer = hr.send(
        "POST", "invitations/make", family_name="Ashby", given_name="Tom", roles=["clinician"]
    ).json()
    assert answer["mailed"] is False
    assert answer["link"] == f"https://portal.example/join?code={answer['code']}"
    [waiting] = hr.get("invitations").json()["results"]
    assert waiting == answer["invitation"]
    tom = invitations.accept(
        code=answer["code"],
        username="tom",
        given_name="Tom",
        password="a long walk by the canal",
    )
    assert hr.get("invitations").json()["results"] == []
    person = hr.send("PUT", f"people/{tom.pk}/roles", roles=["clinician", "reviewer"]).json()
    assert person["roles"] == ["clinician", "reviewer"]
    person = hr.send(
        "POST",
        f"people/{tom.pk}/register",
        register="GMC",
        number="9000017",
        status="registered",
        checked_on=make.day().isoformat(),
    ).json()
    assert (person["number"], person["register_status"]) == ("9000017", "registered")
    assert {row["username"] for row in hr.get("people").json()["results"]} >= {"tom", "ravi"}
    at = (timezone.now() + timedelta(days=2)).isoformat()
    planned = hr.send("POST", f"people/{tom.pk}/leave", at=at, cases_to=ravi.pk).json()
    assert planned["done"] is False
    left = hr.send("POST", f"people/{tom.pk}/leave").json()
    assert (left["done"], left["blocked"]) == (True, True)
    assert not User.objects.get(pk=tom.pk).is_active
    actors = set(
        AuditEvent.objects.filter(verb__startswith="person.").values_list("actor", flat=True)
    )
    assert actors == {"Staff list"}


def test_a_code_that_went_by_mail_is_not_told(hr, mailoutbox):
    answer = hr.send(
        "POST",
        "invitations/make",
        family_name="Ashby",
        roles=["clinician"],
        email="tom@example.org",
    ).json()
    assert (answer["mailed"], answer["code"], answer["link"]) == (True, None, None)
    assert len(mailoutbox) == 1
    pk = answer["invitation"]["id"]
    assert hr.send("POST", f"invitations/{pk}/withdraw").status_code == 200
    assert Invitation.objects.get().answer == "withdrawn"
    assert hr.send("POST", f"invitations/{pk}/withdraw").status_code == 409


def test_a_practice_is_changed(hr, harbour):
    answer = hr.send("PATCH", "practices/harbour", telephone="01632 960114", country="GB")
    assert answer.json()["telephone"] == "01632 960114"
    assert answer.json()["name"] == harbour.name
    [row] = hr.get("practices").json()["results"]
    assert row == answer.json()
    refused = hr.send("PATCH", "practices/harbour", time_zone="Mars")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "time_zone"


@pytest.mark.parametrize("path", CLINICAL)
def test_it_sees_no_patient(hr, harbour, path):
    make.flagged_case(harbour, logged_by=make.person("clara", harbour))
    assert hr.get(path).status_code == 403
    answer = hr.post("patients/sync", [])
    assert answer.status_code in (200, 403)
    assert answer.json().get("created", 0) == 0


def test_what_a_key_gives_to_nobody(hr, harbour, maeve, audrey):
    for role in ("practice_admin", "auditor", "formulary_admin"):
        refused = hr.send("POST", "invitations/make", family_name="Ashby", roles=[role])
        assert refused.status_code == 400, role
    assert hr.send("PUT", f"people/{maeve.pk}/roles", roles=["clinician"]).status_code == 403
    assert hr.send("PUT", f"people/{audrey.pk}/roles", roles=[]).status_code == 200
    assert Membership.objects.filter(user=audrey, role=Role.AUDITOR).exists()


def test_a_key_ends_no_work_that_it_may_not_give(hr, harbour, maeve, iris, audrey, ada):
    ahead = (timezone.now() + timedelta(days=3)).isoformat()
    for person in (maeve, iris, audrey, ada):
        for sent in ({}, {"at": ahead}):
            refused = hr.send("POST", f"people/{person.pk}/leave", **sent)
            assert refused.status_code == 403, person
            assert "A practice admin does" in refused.json()["detail"]
    auditor = invitations.invite(
        practice=harbour, family_name="Ashby", roles=["auditor"], by=maeve
    ).invitation
    assert hr.send("POST", f"invitations/{auditor.pk}/withdraw").status_code == 403
    assert Membership.objects.filter(user=audrey, ends_at=None).exists()


def test_what_a_key_offered_ends_with_it(hr, harbour, maeve):
    made = hr.send("POST", "invitations/make", family_name="Ashby", roles=["clinician"]).json()
    clients.revoke_key(key=hr.key, by=maeve)
    invitation = Invitation.objects.get(pk=made["invitation"]["id"])
    assert (invitation.answer, invitation.answered_by) == ("withdrawn", maeve)


def test_a_field_that_comes_twice_is_refused(hr, clara):
    answer = hr.http.generic(
        "PUT",
        f"/api/v1/people/{clara.pk}/roles",
        '{"roles": ["reviewer"], "roles": ["clinician"]}',
        content_type="application/json",
        headers=hr._headers(),
    )
    assert answer.status_code == 400
    reason = "was given more than once"
    fault = {"field": "roles", "reason": reason, "detail": reason, "pointer": "#/roles"}
    assert answer.json()["errors"] == [fault]


def test_a_key_reaches_its_own_practices_only(hr, lakeside):
    eve = make.person("eve", lakeside, Role.CLINICIAN)
    assert hr.send("PUT", f"people/{eve.pk}/roles", roles=["reviewer"]).status_code == 404
    assert hr.send("POST", f"people/{eve.pk}/leave").status_code == 404
    assert hr.send("PATCH", "practices/lakeside", name="Mine").status_code == 404
    named = hr.send(
        "POST", "invitations/make", practice="lakeside", family_name="A", roles=["clinician"]
    )
    assert named.status_code == 400
    assert hr.get("people", practice="lakeside").json()["results"] == []


def test_a_key_of_two_practices_says_which(harbour, lakeside, maeve, clara):
    make.person("maeve", lakeside)
    both = staff_of(harbour, lakeside, by=maeve)
    refused = both.send("PUT", f"people/{clara.pk}/roles", roles=["reviewer"])
    [fault] = refused.json()["errors"]
    assert (fault["field"], fault["pointer"]) == ("practice", "#/practice")
    assert fault["reason"] == "is needed: this key serves several practices"
    answer = both.send("PUT", f"people/{clara.pk}/roles", roles=["reviewer"], practice="harbour")
    assert answer.json()["roles"] == ["reviewer"]


def test_people_read_and_only_keys_write(harbour, maeve, clara, system):
    admin, doctor = Browser(maeve), Browser(clara)
    assert admin.get("/api/v1/people").status_code == 200
    assert doctor.get("/api/v1/people").status_code == 403
    assert system.get("people").status_code == 403
    assert admin.client.post("/api/v1/invitations/make", {}).status_code == 401
    for method, path, body in (
        ("POST", "invitations/make", {"family_name": "A", "roles": ["clinician"]}),
        ("PUT", f"people/{clara.pk}/roles", {"roles": ["reviewer"]}),
        ("POST", f"people/{clara.pk}/leave", {}),
    ):
        records_only = Staff(system.key, system.secret)
        assert records_only.send(method, path, **body).status_code == 403, path


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b" ", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"roles": ["clinician"]}', 400),
        (b'{"family_name": "A\\u0000", "roles": ["clinician"]}', 400),
        (b'{"family_name": "A", "roles": ["king"]}', 400),
        (b'{"family_name": "A", "roles": ["clinician"], "more": 1}', 400),
        (b"[" * 50_000, 400),
        (b" " * 70_000, 413),
    ],
)
def test_what_is_no_invitation(hr, body, status):
    assert hr.post("invitations/make", body).status_code == status
    assert not Invitation.objects.exists()


def test_only_a_practice_admin_makes_such_a_key(harbour, ada, maeve):
    for by, kind in ((ada, "people"), (maeve, "records")):
        with pytest.raises(Exception, match="may not"):
            clients.make_key(name="Mine", source_system="hr", practices=[harbour], kind=kind, by=by)


def test_a_key_of_a_leaver_goes_on_until_it_is_revoked(harbour, maeve, iris):
    hr = staff_of(harbour, by=maeve)
    leaving.leave(person=maeve, practice=harbour, by=iris)
    assert hr.get("people").status_code == 200
    clients.revoke_key(key=hr.key, by=iris)
    assert hr.get("people").status_code == 401
