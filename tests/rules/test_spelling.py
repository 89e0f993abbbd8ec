"""Drug names as five languages spell them, and the ends of names that say what they are."""

import pytest

from reviews.rules.recognise import plain
from reviews.rules.spelling import ends_like_a_sedative, folded, without_salt

from .book import BOOK, medicine

ALIKE = [
    ("morphine", "Morphin Morfina Morfine morfin Morfinum"),
    ("codeine", "Codein Codeína Codéine Codeina Kodein"),
    ("oxycodone", "Oxycodon Oxicodona Ossicodone"),
    ("zopiclone", "Zopiclon Zopiclona"),
    ("pregabalin", "Prégabaline Pregabalina"),
    ("gabapentin", "Gabapentine Gabapentina"),
    ("chlordiazepoxide", "Chlordiazepoxid Clordiazepóxido Clordiazepossido"),
    ("hydromorphone", "Hydromorphon Hidromorfona Idromorfone"),
    ("dihydrocodeine", "Dihydrocodein Dihidrocodeína Diidrocodeina"),
    ("hydroxyzine", "Hydroxyzin Hidroxizina Idroxizina Idrossizina"),
    ("methadone", "Methadon Metadona Metadone"),
    ("diazepam", "Diazépam Diazepamum"),
    ("fentanyl", "Fentanilo Fentanil"),
    ("promethazine", "Promethazin Prometazina"),
    ("haloperidol", "Aloperidolo"),
]


@pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name, others in ALIKE for other in others.split()]
)
def test_one_drug_is_spelt_alike_in_five_languages(name, other):
    assert folded(plain(other)) == folded(name) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("morphine", "apomorphine"),
        ("codeine", "dihydrocodeine"),
        ("carbamazepine", "oxcarbazepine"),
        ("nitrazepam", "nimetazepam"),
        ("lorazepam", "clorazepam"),
        ("clonazepam", "clonazolam"),
        ("quinine", "quinidine"),
        ("opium", "opio"),
    ],
)
def test_two_drugs_are_not(one, other):
    assert folded(one) != folded(other) or folded(one) == ""


@pytest.mark.parametrize(
    ("word", "drug"),
    [
        ("morphinsulfat", "morphin"),
        ("oxycodonhydrochlorid", "oxycodon"),
        ("zolpidemtartrat", "zolpidem"),
        ("morphinesulfate", ""),
        ("morphin", ""),
    ],
)
def test_german_writes_a_salt_in_one_word(word, drug):
    assert without_salt(word) == drug


SEDATIVES = """
flunitrazolam bromazepam nitemazepam alpidem indiplon pagoclone zopiclona zopiclon fenazepamum
lorazepamo
"""
OTHERS = """
carbamazepine cyclone olanzapine flumazenil clone aripiprazole epam idem mirtazapine ketoconazol
"""


@pytest.mark.parametrize(
    ("word", "does"),
    [(word, True) for word in SEDATIVES.split()] + [(word, False) for word in OTHERS.split()],
)
def test_the_end_of_a_name_says_that_it_is_a_sedative(word, does):
    assert bool(ends_like_a_sedative([word])) is does


@pytest.mark.parametrize(
    ("text", "drug"),
    [
        ("Morfina cloridrato 10 mg", "morphine"),
        ("Morphinsulfat 10 mg", "morphine"),
        ("Prégabaline ARROW 75 mg, gélule", "pregabalin"),
        ("Zopiclon 3,75mg", "zopiclone"),
        ("Zopiclonum", "zopiclone"),
        ("Morphina 10 mg", "morphine"),
        ("morphinesulfate", None),
        ("morph 10 mg", None),
    ],
)
def test_a_name_is_found_as_another_language_spells_it(text, drug):
    parts = BOOK.recognise(medicine(text)).parts
    assert [part.drug for part in parts] == ([drug] if drug else [])
