"""The page of medicines that no rule can read, from the list to the patient's page."""

import html
import re

import pytest
from django.urls import reverse

from reviews.models import MedicineMeaning, NoSedative
from reviews.queries.before_saving import before_saving
from reviews.templatetags.portal import day
from reviews.verbs import medicine_meanings, screen
from tests import make

PAGE = "/unknown-medicines"


@pytest.fixture
def bell(harbour, clara):
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, "Zorkoline 10 mg tablets", start=-5, days=28)
    make.prescription(bell, clara, "Flunitrazolam 1 mg", start=-5, days=28)
    make.prescription(bell, clara, "Diazpam 2mg tabs", start=-5, days=28)
    screen.drain()
    return bell


def page(client, path=PAGE):
    return html.unescape(client.get(path).content.decode())


def send(client, where, answers, **more):
    """Answer texts as the page does; the page that follows."""
    sent = {"where": getattr(where, "pk", where), **more}
    for number, (text, answer) in enumerate(answers.items()):
        sent[f"m{number}-text"] = text
        sent[f"m{number}-answer"], sent[f"m{number}-other"] = (
            ("other", answer.removeprefix("other:"))
            if answer.startswith("other:")
            else (answer, "")
        )
    answered = client.post(f"{PAGE}/judge", sent, follow=True)
    return answered, html.unescape(answered.content.decode())


ZORKOLINE = "Zorkoline 10 mg tablets"


def test_a_reviewer_says_what_is_no_sedative_and_takes_it_back(client, bell, harbour, ravi):
    client.force_login(ravi)
    assert f"“{ZORKOLINE}”" in page(client)
    _, after = send(client, harbour, {ZORKOLINE: "no-sedative"}, reason="tonic")
    assert "1 answer saved, at Harbour Street Surgery" in after
    assert f'value="{ZORKOLINE}"' not in after
    assert f"<b>{ZORKOLINE}</b> is no sedative" in after
    said = NoSedative.objects.get()
    assert (said.practice, said.said_by, said.reason) == (harbour, ravi, "tonic")
    assert "said to be no sedative" in page(client, reverse("patient", args=[bell.pk]))
    client.post(f"{PAGE}/{said.pk}/take-back")
    assert f'value="{ZORKOLINE}"' in page(client)
    again = client.post(f"{PAGE}/{said.pk}/take-back", follow=True)
    assert "already" in again.content.decode()


def test_what_it_is_nearly_spelt_like_is_proposed_and_nothing_is_chosen(client, bell, ravi):
    client.force_login(ravi)
    before = page(client)
    assert 'value="is:diazepam 2 mg tablets"' in before
    assert "Diazepam 2 mg tablets" in before
    assert " checked>" not in before


def test_a_reviewer_says_what_it_is_and_takes_it_back(client, bell, harbour, ravi):
    client.force_login(ravi)
    answers = {"Diazpam 2mg tabs": "is:diazepam 2 mg tablets", ZORKOLINE: "later"}
    _, after = send(client, harbour, answers, reason="asked the pharmacy")
    assert "1 answer saved" in after
    assert "<b>Diazpam 2mg tabs</b> is diazepam 2 mg tablets" in after
    assert "asked the pharmacy" in after
    said = MedicineMeaning.objects.get()
    assert (said.practice, said.said_by) == (harbour, ravi)
    screen.drain()
    person = " ".join(page(client, reverse("patient", args=[bell.pk])).split())
    assert f"as diazepam 2 mg tablets, said by Ravi Shah, {day(said.said_at)}" in person
    back = client.post(f"{PAGE}/meanings/{said.pk}/take-back", follow=True)
    assert "is asked about again" in back.content.decode()
    assert 'value="is:diazepam 2 mg tablets"' in page(client)
    again = client.post(f"{PAGE}/meanings/{said.pk}/take-back", follow=True)
    assert "already" in again.content.decode()


def test_the_case_says_who_said_so(client, bell, harbour, ravi):
    client.force_login(ravi)
    send(client, harbour, {"Diazpam 2mg tabs": "is:diazepam 2 mg tablets"})
    screen.drain()
    case = bell.cases.get()
    text = " ".join(page(client, reverse("case", args=[case.pk])).split())
    assert "as diazepam 2 mg tablets, said by Ravi Shah" in text


def test_a_drug_alone_gets_the_strength_and_form_that_the_text_says(client, bell, harbour, ravi):
    client.force_login(ravi)
    send(client, harbour, {ZORKOLINE: "other:lorazepam"})
    assert MedicineMeaning.objects.get().medicine.text == "lorazepam 10 mg tablets"


def test_what_is_refused_stays_on_the_page_and_the_rest_is_saved(client, bell, harbour, ravi):
    client.force_login(ravi)
    answers = {
        ZORKOLINE: "other:Zorkmid",
        "Flunitrazolam 1 mg": "no-sedative",
        "Diazpam 2mg tabs": "is:diazepam 2 mg tablets",
    }
    answered, text = send(client, harbour, answers)
    assert answered.status_code == 422
    assert "1 answer saved" in text
    assert "2 not saved" in text
    assert "The formulary does not know what it is said to be" in text
    assert 'value="Zorkmid"' in text
    assert "hints at a sedative" in text
    assert (NoSedative.objects.count(), MedicineMeaning.objects.count()) == (0, 1)


def test_something_else_needs_a_name(client, bell, harbour, ravi):
    client.force_login(ravi)
    answered, text = send(client, harbour, {ZORKOLINE: "other:"})
    assert answered.status_code == 422
    assert "Say which medicine it is" in text


def test_a_harmless_medicine_is_marked_because_no_rule_looks_at_it(client, bell, harbour, ravi):
    client.force_login(ravi)
    _, text = send(client, harbour, {ZORKOLINE: "other:paracetamol"})
    assert "no rule looks at it" in text
    _, text = send(client, harbour, {"Diazpam 2mg tabs": "is:diazepam 2 mg tablets"})
    assert text.count("no rule looks at it</span>") == 1


def test_a_clinician_says_what_is_none_but_not_what_it_is(client, bell, harbour, clara):
    client.force_login(clara)
    text = page(client)
    assert 'value="no-sedative"' in text
    assert 'value="is:' not in text
    assert 'value="other"' not in text
    answered, _ = send(client, harbour, {"Diazpam 2mg tabs": "is:diazepam 2 mg tablets"})
    assert answered.status_code == 403
    assert not MedicineMeaning.objects.exists()


def test_nor_does_a_clinician_take_back_what_a_reviewer_said(client, bell, harbour, clara, ravi):
    said = medicine_meanings.say(text=ZORKOLINE, medicine="lorazepam", practice=harbour, by=ravi)
    client.force_login(clara)
    assert "is lorazepam" in page(client)
    assert "meanings/" not in page(client)
    assert client.post(f"{PAGE}/meanings/{said.pk}/take-back").status_code == 403


def test_the_formulary_speaks_for_every_practice(client, bell, ada):
    client.force_login(ada)
    answers = {ZORKOLINE: "no-sedative", "Diazpam 2mg tabs": "is:diazepam 2 mg tablets"}
    _, text = send(client, "everywhere", answers)
    assert NoSedative.objects.get().practice is None
    assert MedicineMeaning.objects.get().practice is None
    assert "every practice" in text


def test_nobody_answers_for_a_practice_that_is_not_theirs(client, bell, harbour, lakeside, ravi):
    lena = make.person("lena", lakeside, "reviewer")
    said = medicine_meanings.say(text=ZORKOLINE, medicine="lorazepam", practice=harbour, by=ravi)
    client.force_login(lena)
    assert "Zorkoline" not in page(client)
    for where in (harbour, "everywhere", "x", ""):
        for answer in ("no-sedative", "is:diazepam"):
            answered, _ = send(client, where, {"Diazpam 2mg tabs": answer})
            assert answered.status_code in (403, 404)
    assert client.post(f"{PAGE}/meanings/{said.pk}/take-back").status_code == 404
    assert (NoSedative.objects.count(), MedicineMeaning.objects.count()) == (0, 1)


def test_the_page_is_not_for_auditors(client, bell, audrey):
    client.force_login(audrey)
    assert client.get(PAGE).status_code == 403


def test_later_and_nothing_save_nothing(client, bell, harbour, ravi):
    client.force_login(ravi)
    for answers in ({}, {ZORKOLINE: "later"}, {ZORKOLINE: ""}):
        _, text = send(client, harbour, answers)
        assert "nothing was saved" in text


def test_what_is_typed_is_worked_out_as_it_was_said(client, bell, harbour, clara, ravi):
    medicine_meanings.say(
        text="Relaxonel 10 mg", medicine="diazepam 10 mg tablets", practice=harbour, by=ravi
    )
    record = make.record("Relaxonel 10 mg", days=40)
    ahead = before_saving(patient=bell, record=record, by=clara, replaces=None)
    assert (ahead.worked_out.drugs, ahead.worked_out.recognised) == (("diazepam",), True)
    assert "DUR-01" in {finding.rule_id for finding in ahead.preview.screening.findings}


def test_withdrawing_warns_as_for_the_medicine_it_is(client, bell, harbour, clara, ravi):
    held = bell.prescriptions.live().get(medicine__text=ZORKOLINE)
    client.force_login(clara)
    before = page(client, reverse("prescription-withdraw", args=[held.pk]))
    medicine_meanings.say(text=ZORKOLINE, medicine="lorazepam", practice=harbour, by=ravi)
    assert page(client, reverse("prescription-withdraw", args=[held.pk])) != before


def test_a_strength_that_was_not_read_is_shown(client, harbour, clara):
    bell = make.patient(harbour, clara)
    make.prescription(bell, clara, "Diazepam 5-10 mg tablets", start=-5, days=28)
    client.force_login(clara)
    assert "strength not read: “5-10 mg”" in page(client, reverse("patient", args=[bell.pk]))


def test_what_is_refused_shares_its_fields_with_no_other_text(client, bell, harbour, ravi):
    client.force_login(ravi)
    answers = {"Diazpam 2mg tabs": "is:diazepam 2 mg tablets", ZORKOLINE: "other:Zorkmid"}
    _, text = send(client, harbour, answers)
    prefixes = re.findall(r'name="(m\d+)-text"', text)
    assert len(prefixes) == len(set(prefixes)) == 2
