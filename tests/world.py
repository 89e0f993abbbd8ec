"""A practice with one of everything that belongs to patients, to knock at every door of it."""

import json
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.utils import timezone

from drugs.models import Edition
from reviews import bulk_ids, engines, fhir_versions, jobs, refused, uploads
from reviews.audit import Event
from reviews.conclusions import FlagOutcome
from reviews.messaging import Draft
from reviews.models import (
    AuditEvent,
    Case,
    Decision,
    Flag,
    HookCard,
    IdentityQuestion,
    ImportNote,
    Job,
    KeptApart,
    LetterText,
    Outcome,
    Patient,
    Reason,
    Role,
    RuleVersion,
    Shadow,
    UploadFault,
    WhatIf,
)
from reviews.queries.fhir_export import Asked
from reviews.tasks import KINDS
from reviews.verbs import (
    break_glass,
    bulk_export,
    clients,
    decide,
    deliver,
    exempt,
    factors,
    govern,
    hooks,
    identity,
    invitations,
    letters,
    medicine_meanings,
    messages,
    no_sedatives,
    opinions,
    patient_notes,
    recall,
    registrations,
    saved_views,
    screen,
    sensitive,
    sync,
    taper,
    webhooks,
    work_sessions,
)
from tests import make, signing
from tests.api import sent
from tests.verbs.test_taper import request, supply


class World:
    """One practice: its people by role, its rows by kind. `name` stands in all that is written of
    patients.

    `name` is a word that is in no page by itself, such as "Quillfeather".
    """

    def __init__(self, place, name):
        self.place, self.name = place, name
        place.telephone = "01632 960 114"
        place.save()
        self.staff = {role: self._person(role, role) for role in Role}
        clara, ravi = self.staff[Role.CLINICIAN], self.staff[Role.REVIEWER]
        ehr, ada = self.staff[Role.INTEGRATION_CLIENT], self.staff[Role.FORMULARY_ADMIN]
        self.key, self.secrets = None, {}
        for role, kind, by in (
            (Role.PROVISIONING_CLIENT, "people", self.staff[Role.PRACTICE_ADMIN]),
            (Role.INTEGRATION_CLIENT, "records", ada),
        ):
            self.key, self.secrets[role] = clients.make_key(
                name=f"{name} {kind}", source_system="ehr", practices=[place], kind=kind, by=by
            )
            # As whom it acts is staff, whose names are not walled; which keys there are is.
            User.objects.filter(pk=self.key.user_id).update(last_name=f"System for {kind}")
        self.client = registrations.register(
            name=f"{name} signs",
            source_system="ehr-hooks",
            practices=[place],
            allowed="system/*.rs",
            hook_issuer=f"https://{name.lower()}.example",
            keys=json.dumps(signing.public(signing.ec())),
            by=ada,
        )
        User.objects.filter(pk=self.client.user_id).update(last_name="System that signs")
        self._colleagues(clara, self.staff[Role.PRACTICE_ADMIN])
        self._people(clara, ravi)
        self._sent(ehr, clara)
        screen.drain()
        self.case = Case.objects.open().get(patient=self.patient)
        self._decided(ravi)
        self.review = make.review(self.patient, clara, note=f"{name} was there")
        self.rule_draft = govern.begin(title="Short courses", by=ada)
        self.rule_edit = govern.change(
            draft=self.rule_draft,
            rule_id="DUR-01",
            field="s2_over_days",
            profile="UK",
            after=14,
            grounds=govern.Grounds(
                source="Policy", locator="4.2", next_review=make.day(90), reason="Earlier"
            ),
            by=ada,
        )
        self.rule_example = make.example(ada, title=f"35 days, {place.code}")
        self._tried(ada)
        draft = Draft(text=f"Could {name} come in?", to=clara)
        samira = self._person("samira", Role.REVIEWER)
        self.message = messages.write(case=self.case, draft=draft, by=samira)
        self.opinion = opinions.say(
            rule_id="DUR-01",
            practice=self.place,
            because="short",
            where="case",
            words=f"{name} flies tomorrow",
            by=clara,
        )
        self._by_hook()
        self.said = no_sedatives.say(text=f"{name}in 10 mg", practice=place, by=ravi)
        self.meaning = medicine_meanings.say(
            text=f"{name}ol 10 mg", medicine="diazepam 10 mg tablets", practice=place, by=ravi
        )
        self.view = saved_views.save(name=name, query="severity=2", by=ravi)
        self._written_to(clara, ravi)
        self.session = work_sessions.begin(
            name=name, query="", told="", case_ids=[self.case.pk], found="1", by=ravi
        )
        work_sessions.come_to(session=self.session, case=self.case, by=ravi)
        # Of no practice, and so under no name of one.
        self.edition = Edition.objects.create(
            system="atc",
            name="an index",
            released_on=make.day(),
            digest=str(place.pk),
            files=[],
            state=Edition.State.READY,
        )
        self.job = jobs.ask("rescreen", title="Screen everybody again", by=ravi, unit="patients")
        screen.drain()
        self.case.refresh_from_db()
        about = AuditEvent.objects.filter(patient_id=self.patient.pk)
        self.event = about.filter(verb=Event.TAPER_PLAN.verb).latest("pk")

    def _written_to(self, clara, ravi):
        """A recall list with one person, who was left out once, written to, and answered."""
        self.letter = letters.write(
            patient=self.patient,
            text=LetterText.objects.get(template__key="to-pharmacy", state="published"),
            addressee=f"{self.name} Pharmacy",
            by=ravi,
        )
        self.recall = recall.make(
            practice=self.place,
            name=f"{self.name} and others",
            reason=self.name,
            question="All open cases",
            query="",
            asked="review",
            since=make.day(),
            look_by=make.day(7),
            due_on=make.day(60),
            patient_ids=[self.treated.pk],
            by=ravi,
        )
        self.recalled = self.recall.people.get()
        [opted] = recall.opt_out(
            recall=self.recall,
            people=[self.recalled],
            reason="other",
            note=self.name,
            until=make.day(30),
            by=clara,
        )
        recall.end_opt_out(opted=opted, by=clara)
        recall.look(recall=self.recall, by=clara)
        recall.write_to_all(
            recall=self.recall,
            text=LetterText.objects.get(template__key="invitation", state="published"),
            by=ravi,
        )
        jobs.work(KINDS, seconds=30)
        recall.answer(person=self.recalled, answer="talk", note=self.name, by=ravi)

    def _in_bulk(self, by):
        """An export that was asked for, and a person whom the system sent by an id of its own."""
        asked = Asked(types={"Group": ()}, base="http://testserver/fhir")
        bulk_export.ask(asked=asked, address="http://testserver/fhir/$export", by=by)
        jobs.work({bulk_export.EXPORT: bulk_export.work}, seconds=30)
        bulk_ids.keep(by, {("Patient", self.name): (str(self.patient.pk), self.place.pk)})

    def _person(self, username, *roles):
        return make.person(f"{username}-{self.place.code}", self.place, *roles)

    def _patient(self, given_name, **changes):
        return make.patient(
            self.place,
            self.staff[Role.CLINICIAN],
            family_name=self.name,
            given_name=given_name,
            **changes,
        )

    def _colleagues(self, clara, maeve):
        """Somebody who is invited, and somebody who has lost their second factor."""
        self.invitation = invitations.invite(
            practice=self.place, family_name="Ashby", roles=[Role.CLINICIAN], by=maeve
        ).invitation
        Authenticator.objects.create(user=clara, type=Authenticator.Type.TOTP, data={"secret": "x"})
        self.reset = factors.ask(
            person=clara, practice=self.place, reason="Seen in person.", by=maeve
        )

    def _people(self, clara, ravi):
        self.patient = self._patient("Ada", identifiers=[f"1{self.name}"])
        for start in range(-128, 0, 28):
            supply(self.patient, clara, 15, start=start)
        self.prescription = self.patient.prescriptions.live().latest("start_on")
        for number, text in enumerate(("in", "ol", "ex")):
            make.prescription(
                self.patient, clara, f"{self.name}{text} 10 mg", start=-3 - number, days=9
            )
        self.taper_version = taper.plan(
            patient=self.patient,
            request=request(),
            by=clara,
            reason=f"{self.name}, small last doses",
        )
        self.taper = self.taper_version.taper
        self.exemption = exempt.exempt(
            patient=self.patient,
            kind="palliative",
            evidence=f"Letter about {self.name}.",
            expires_on=make.day(60),
            by=ravi,
        )
        self.patient_note = patient_notes.write(
            patient=self.patient, text=f"{self.name} lives alone", by=clara
        )
        self.merge = identity.merge(
            kept=self._patient("Bo"), gone=self._patient("Bea"), reason=self.name, by=ravi
        )
        first, second = self._patient("Cy"), self._patient("Cyd")
        identity.keep_apart(first=first, second=second, reason=self.name, by=ravi)
        self.apart = KeptApart.objects.get(practice=self.place)
        self.other = self._patient("Cyan")

    def _sent(self, ehr, clara):
        number = {"identifiers": [{"system": "nhs", "value": f"1{self.name}"}]}
        stranger = {
            **number,
            "family_name": f"{self.name}son",
            "given_name": "Zed",
            "birth_date": "2009-09-09",
            "sex": "male",
        }
        for verb, row in (
            (sync.prescriptions, sent.prescription(f"rx-{self.name}", patient=stranger)),
            (sync.prescriptions, sent.prescription(f"no-{self.name}", patient=number, dose=-1)),
            (sync.readings, sent.reading(f"r-{self.name}", patient=number)),
            (sync.conditions, sent.condition(f"c-{self.name}", patient=number, text=self.name)),
        ):
            verb(rows=enumerate([row]), source_system="ehr", by=ehr)
        refused.keep(ehr, refused.Surface.REST, [refused.Fault("dose", "is odd", self.name)])
        self._told_of_fay(ehr)
        self.question = IdentityQuestion.objects.open().get(practice=self.place)
        self.note = ImportNote.objects.live().get(practice=self.place)
        self.reading = self.patient.readings.get()
        self.condition = self.patient.conditions.get()

    def _told_of_fay(self, ehr):
        """Somebody of whom is known what was handed out, taken and given, and an allergy."""
        fay = {
            "identifiers": [{"system": "nhs", "value": f"2{self.name}"}],
            "family_name": self.name,
            "given_name": "Fay",
            "birth_date": "1970-03-03",
        }
        told = {"patient": fay, "medicine": f"{self.name}mol 500 mg", "codings": []}
        handed = sent.prescription(f"handed-{self.name}", **told, dispensed=True)
        taken = sent.prescription(f"told-{self.name}", **told, evidence="reported")
        given = sent.prescription(f"given-{self.name}", **told, evidence="given")
        for verb, row in (
            *((sync.prescriptions, row) for row in (handed, taken, given)),
            (
                sync.conditions,
                sent.condition(f"a-{self.name}", patient=fay, text=self.name, kind="allergy"),
            ),
        ):
            verb(rows=enumerate([row]), source_system="ehr", by=ehr)
        self.fay = Patient.objects.get(identifiers__value=f"2{self.name}")
        pressure = {"resourceType": "Observation", "status": "final", "code": {"text": self.name}}
        row = fhir_versions.made(
            resource_type="Observation",
            logical_id=f"kept-{self.place.code}",
            version=1,
            body=json.dumps(pressure),
            content=pressure,
            definitions={},
            practice_id=self.place.pk,
            patient_id=self.fay.pk,
            source_system="ehr",
            by=ehr,
        )
        row.save()

    def _tried(self, ada):
        """What a draft said of the patient: tried and put away, and in shadow.

        Of a book that is no draft, so that it judges nobody here.
        """
        book = RuleVersion.objects.get(state="published")
        flag = {
            "patient": self.patient,
            "practice": self.place,
            "rule_id": "DUR-01",
            "key": "k",
            "effect": "opened",
            "after": 2,
        }
        what_if = WhatIf.objects.create(
            job=Job.objects.create(
                kind="what-if", title="Tried", state="cancelled", ended_at=timezone.now()
            ),
            version=book,
            against=book,
            digest=book.digest,
            engine=engines.current(),
            as_of=make.day(),
            asked_by=ada,
        )
        what_if.effects.create(**flag, became="never", sentence=f"{self.name} was there")
        what_if.cases.create(
            patient=self.patient, practice=self.place, after=2, cards_before=0, cards_after=1
        )
        self.shadow = Shadow.objects.create(
            version=book,
            practice=self.place,
            begun_by=ada,
            begun_on=make.day(),
            last_day=make.day(),
        )
        self.shadow.flags.create(**flag, begun_on=make.day())

    def _decided(self, ravi):
        """Another case, decided, part of which was called wrong."""
        self.treated = treated = self._patient("Dee")
        make.prescription(treated, self.staff[Role.CLINICIAN], start=-40, days=45)
        screen.drain()
        case = Case.objects.open().get(patient=treated)
        flags = list(Flag.objects.open().filter(case=case))
        decide.decide(
            case=case,
            outcomes=[FlagOutcome(flag.pk, Outcome.DATA_WRONG, Reason.NOT_TAKEN) for flag in flags],
            by=ravi,
            seen=case.lock,
            note=f"{self.name} says so",
        )
        self.decision = Decision.objects.get(case=case)
        self.item = self.decision.items.first()
        self.flag = flags[0]
        self.decided = Case.objects.get(pk=case.pk)
        self.marked = sensitive.mark(
            patient=self._patient("Eve"), kind="staff", reason=f"{self.name} works here", by=ravi
        )
        self.webhook, _ = webhooks.make(
            practice=self.place,
            name=f"Dashboard of {self.name}",
            url="http://127.0.0.1:9/",  # nobody listens there
            events=["prescription.logged"],
            by=self.staff[Role.FORMULARY_ADMIN],
        )
        self.webhook_message = webhooks.send_sample(
            webhook=self.webhook, by=self.staff[Role.FORMULARY_ADMIN]
        )
        deliver.deliver(seconds=1)
        uploads.keep([f'{{"source_id": "{self.name}"}}'.encode()], [self.place.pk])  # and no more
        self.upload = sync.ask_to_take_in(
            kind="prescriptions",
            upload=uploads.keep(
                [f'{{"source_id": "{self.name}"}}\n{{}}'.encode()], [self.place.pk]
            ),
            source_system="ehr",
            by=self.key.user,
        )
        UploadFault.objects.create(
            job=self.upload,
            practice_ids=[self.place.pk],
            line=0,
            waits=False,
            source_id=self.name,
            field="medicine",
            reason="is missing",
        )
        self._in_bulk(self.key.user)
        # By somebody of this practice: who it is plays no part in what is seen of it.
        self.opened = break_glass.open_record(
            patient=self.patient, reason=f"{self.name} was brought in", by=ravi
        )

    def _by_hook(self):
        """A card that was shown in a record system, and what became of it."""
        caller, uuid = hooks.Caller(self.client, ""), uuid4()
        by = User.objects.get(pk=self.client.user_id)
        hooks.show(
            caller=caller,
            call=hooks.Call("order-sign", str(uuid4()), "Practitioner/1", ("p1",), False, False),
            cards=[hooks.Shown(uuid, "length", self.name, 2, ("DUR-01",), ("DUR-01",), ())],
            practice=self.place,
            patient_id=self.patient.pk,
            book=1,
            by=by,
        )
        told = hooks.Told(
            index=0,
            card=uuid,
            outcome="overridden",
            accepted=(),
            reason_system=hooks.BECAUSE,
            reason="known",
            reason_display="",
            comment=f"{self.name} is known",
            at=timezone.now(),
        )
        hooks.hear(caller=caller, hook="order-sign", told=[told], by=by)
        self.card = HookCard.objects.get(pk=uuid)
