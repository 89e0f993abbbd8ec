"""Form and route in five languages; what is not understood is no form, and no route."""

import pytest

from reviews.rules import exposure
from reviews.rules.forms import shape_of
from reviews.rules.recognise import plain

from .book import line
from .test_exposure import use_of

FORMS = [
    ("tablet", "oral", "5 mg tablets|5mg tabs|5 mg Tabletten|7,5 mg Filmtabletten|5 mg Filmtbl."),
    ("tablet", "oral", "5 mg comprimés|comprimé pelliculé sécable|comprimidos|compresse rivestite"),
    (
        "tablet",
        "oral",
        "7,5 mg tabletas|7,5 mg tablety|15 mg tablett|15 mg filmdragerade tabletter",
    ),
    ("liquid", "oral", "2 mg/ml drank|2 mg/ml xarope"),
    ("tablet", "oral", "Retardtabletten|Schmelztabletten|orodispersible tablets|dragées|cpr"),
    ("capsule", "oral", "capsules|25mg caps|Hartkapseln|gélule|microgranules en gélule|cápsulas"),
    ("tablet", "oral", "1 mg compr.|2.5 mg cp|20 Drg.|5 mg Tbl.|comp."),
    ("capsule", "oral", "30 cps|50 mg Kps."),
    ("liquid", "oral", "5 mg/5 ml oral soln|oral susp"),
    ("injection", "parenteral", "5 amps|10 mg inj"),
    ("capsule", "oral", "prolonged-release capsules|Retardkapseln|capsule rigide"),
    ("liquid", "oral", "oral solution|sirop|Saft|Tropfen zum Einnehmen|solution buvable|jarabe"),
    ("liquid", "oral", "gocce orali, soluzione|sciroppo|solución oral|gotas orales|oral drops"),
    ("patch", "transdermal", "transdermal patches|transdermales Pflaster|Matrixpflaster"),
    ("patch", "transdermal", "dispositif transdermique|parches transdérmicos|cerotti transdermici"),
    ("injection", "parenteral", "solution injectable en ampoule|Injektionslösung|Ampullen|fiale"),
    ("injection", "parenteral", "solución inyectable|soluzione iniettabile|Fertigspritzen|vials"),
    ("suppository", "rectal", "suppositories|Zäpfchen|suppositoire|supositorios|supposte"),
    ("rectal", "rectal", "rectal solution|Rektallösung|solution rectale|Klistier|microclismi"),
    ("buccal", "buccal", "oromucosal solution|solution buccale|Bukkaltabletten|bucal"),
    ("nasal", "nasal", "nasal spray|Nasenspray|solution pour pulvérisation nasale"),
    ("sublingual", "sublingual", "sublingual tablets|Sublingualtabletten|comprimé sublingual"),
    ("topical", "topical", "cream|Salbe|Augentropfen|collyre|crema|pomada|eye drops"),
    ("film", "oral", "oral film|film orodispersible|Schmelzfilm"),
    ("liquid", "oral", "Codein comp Saft"),
    (None, None, "Tilidin comp 50/4 mg|5 mg|5 mg Foobar|Tabula rasa|Captopril|Vialon|"),
]


@pytest.mark.parametrize(
    ("form", "route", "text"),
    [(form, route, text) for form, route, texts in FORMS for text in texts.split("|")],
)
def test_form_and_route_are_read_in_five_languages(form, route, text):
    assert shape_of(plain(text)) == (form, route)


@pytest.mark.parametrize(
    ("fields", "rescue", "why"),
    [
        ({"medicine": "Midazolam 7,5 mg Filmtabletten"}, False, "German tablets"),
        ({"medicine": "Midazolam 7,5 mg Foobar"}, False, "a form not understood is no rescue"),
        ({"medicine": "Midazolam 7,5 mg", "dose_unit": "capsule"}, False, "swallowed"),
        ({"medicine": "Midazolam 5 mg/ml Injektionslösung"}, True, "injected"),
        ({"medicine": "Midazolam 10 mg Lösung zur Anwendung in der Mundhöhle"}, True, "buccal"),
        ({"medicine": "Diazépam 10 mg solution rectale"}, True, "rectal"),
        ({"medicine": "Diazépam 10 mg comprimé"}, False, "tablets"),
    ],
)
def test_a_form_not_understood_never_makes_a_rescue_medicine(fields, rescue, why):
    assert exposure.is_rescue(use_of(line(**fields))) is rescue, why
