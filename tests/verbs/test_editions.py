"""Releases of national lists: read in by a job, compared, put in force; recognised by code."""

from datetime import date

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from drugs import editions as room
from drugs.facts import formulary
from drugs.models import Code, DrugClass, Edition, EditionFault, EditionPiece, Ingredient
from drugs.models import IngredientClass as Membership
from drugs.releases.pieces import UNREAD
from reviews import governing, jobs
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import AuditEvent, Job
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Medicine
from reviews.tasks import KINDS
from reviews.verbs import edit, editions
from tests import make, releases

DAY = date(2026, 11, 24)


def begin(folder, system="dmd", name="week 48", by=None):
    return editions.begin(system=system, folder=folder, name=name, released_on=DAY, by=by)


def work():
    jobs.work(KINDS, seconds=60)


def taken(folder, system="dmd", name="week 48"):
    begun = begin(folder, system, name)
    work()
    begun.edition.refresh_from_db()
    return begun.edition


def put(edition, by):
    return editions.put_in_force(edition=edition, next_review=make.day(90), by=by)


def book():
    return RuleBook.from_json({"number": 99, **governing.content([])})


def recognised(book, text, system, code):
    return book.recognise(Medicine(f"{text} {code}", text, ((system, code),)))


@pytest.fixture
def dmd(rulebook, tmp_path):
    return taken(releases.dmd(tmp_path / "dmd"))


def parts(edition, code):
    return edition.products.get(code=code).parts


def test_products_are_put_together(dmd):
    assert dmd.state == Edition.State.READY
    assert dmd.read == {"rows": 39, "broken": 0, "products": 11}
    assert parts(dmd, "800001001") == [[releases.DIAZEPAM, 5.0, "tablet"]]
    assert parts(dmd, "800002002") == [[releases.DIAZEPAM, 0.4, "ml"]]
    assert parts(dmd, "800003003") == [
        [releases.CODEINE, 30.0, "tablet"],
        [releases.PARACETAMOL, 500.0, "tablet"],
    ]
    assert parts(dmd, "800006006")[0] == [releases.DIAZEPAM, 5.0, "tablet"]
    assert parts(dmd, "810001001") == parts(dmd, "800001001")
    assert parts(dmd, "700001001") == [[releases.DIAZEPAM, None, ""]]
    assert parts(dmd, "800007007") == []
    assert dmd.products.get(code="800002002").form == "liquid"
    assert not EditionPiece.objects.exists()


def test_reading_changes_nothing_that_is_in_force(rulebook, tmp_path):
    before = formulary()
    taken(releases.dmd(tmp_path / "dmd"))
    assert formulary() == before


def test_the_same_files_again_change_nothing(dmd, tmp_path):
    again = begin(releases.dmd(tmp_path / "again"), name="called otherwise")
    assert (again.edition, again.job) == (dmd, None)
    dmd.refresh_from_db()
    assert dmd.name == "week 48"
    assert Job.objects.filter(kind=editions.READ).count() == 1


def test_its_files_are_kept_while_they_are_read_and_no_longer(
    rulebook, tmp_path, django_capture_on_commit_callbacks
):
    edition = begin(releases.dmd(tmp_path / "dmd")).edition
    assert [path.name for path in settings.BULK_DIR.iterdir()] == [f"release-{edition.pk}"]
    with django_capture_on_commit_callbacks(execute=True):
        work()
    assert not list(settings.BULK_DIR.iterdir())


def test_a_release_in_force_is_read_by_code(dmd, ada):
    put(dmd, ada)
    now = book()
    vmp = recognised(now, "Calmwell", "dmd", "810001001")
    assert [(p.drug, p.strength_mg, p.per_unit) for p in vmp.parts] == [("diazepam", 5, "tablet")]
    assert (vmp.matched_by, vmp.unmapped) == ("code", False)
    both = recognised(now, "Painwell", "dmd", "800003003")
    assert {p.drug for p in both.parts} == {"codeine", "paracetamol"}


def test_what_is_known_to_be_none_is_none_and_what_is_not_stays_unknown(dmd, ada):
    put(dmd, ada)
    now = book()
    assert list(now.without_a_rule["dmd"]) == [800004004, 810004004]
    harmless = recognised(now, "Amoxwell 500 tablets", "dmd", "810004004")
    assert (harmless.unmapped, harmless.mask, harmless.parts) == (False, 0, ())
    for code in ("810005005", "800005005", "800007007"):
        assert recognised(now, "Zorkwell 10 tablets", "dmd", code).unmapped, code
    half = recognised(now, "Twowell tablets", "dmd", "800006006")
    assert [p.drug for p in half.parts] == ["diazepam"]
    assert (half.complete, half.unmapped) == (False, True)


def test_words_that_name_a_sedative_are_not_silenced_by_a_code(dmd, ada):
    put(dmd, ada)
    said = recognised(book(), "Diazepam 5 mg tablets", "dmd", "810004004")
    assert said.unmapped
    assert said.otherwise == ("diazepam",)
    assert [(part.drug, part.strength_mg) for part in said.parts] == [("diazepam", 5)]


def test_a_substance_that_gets_a_class_is_asked_for_in_the_next_book(dmd, ada):
    put(dmd, ada)
    assert 810004004 in book().without_a_rule["dmd"]
    edit.add(
        model=Membership,
        ingredient=Ingredient.objects.get(key="amoxicillin"),
        values={
            "drug_class": DrugClass.objects.get(key="opioid"),
            "severity": None,
            "level": "class",
            "condition": "",
        },
        citation=edit.Citation(source="A source", locator="p. 1", next_review=make.day(30)),
        by=ada,
    )
    now = book()
    assert "dmd" not in now.without_a_rule
    assert recognised(now, "Amoxwell", "dmd", "810004004").mask


def test_what_the_formulary_holds_itself_counts(dmd, ada):
    code = Code.objects.create(
        system="dmd",
        code="810004004",
        kind="product",
        name="Said by hand",
        source="A source",
        locator="p. 1",
        reviewed=make.day(),
        next_review=make.day(30),
        verified=True,
    )
    code.parts.create(ingredient=Ingredient.objects.get(key="diazepam"), position=1)
    put(dmd, ada)
    now = book()
    assert [p.drug for p in recognised(now, "Amoxwell", "dmd", "810004004").parts] == ["diazepam"]
    assert 810004004 not in now.without_a_rule["dmd"]
    assert room.changes(dmd).kept == 1


def test_a_book_with_a_release_is_the_same_after_a_round_trip(dmd, ada):
    put(dmd, ada)
    now = book()
    assert RuleBook.from_json(now.to_json()) == now


def test_rxnorm(rulebook, ada, tmp_path):
    edition = taken(releases.rxnorm(tmp_path / "rx"), "rxnorm")
    assert parts(edition, "9197591") == [["93322", 5.0, "tablet"]]
    assert sorted(parts(edition, "9993781")) == [
        ["90161", 300.0, "tablet"],
        ["92670", 30.0, "tablet"],
    ]
    assert parts(edition, "9104699") == parts(edition, "9197591")
    [lost] = edition.faults.all()
    assert lost.what == "9104700"
    put(edition, ada)
    now = book()
    branded = recognised(now, "Calmwell", "rxnorm", "9104699")
    assert [(p.drug, p.strength_mg) for p in branded.parts] == [("diazepam", 5)]
    assert recognised(now, "Zorkwell", "rxnorm", "9100000").unmapped


def test_atc(rulebook, ada, tmp_path):
    edition = taken(releases.atc(tmp_path / "atc"), "atc")
    Code.objects.filter(system="atc").update(retired_at=edition.read_at)
    put(edition, ada)
    said = formulary()["atc"]
    assert said == {
        "J01CA04": {"drugs": ["amoxicillin"]},
        "N02AA59": {"drugs": ["codeine"], "incomplete": True},
        "N02AJ99": {"drugs": ["codeine", "paracetamol"]},
        "N05BA01": {"drugs": ["diazepam"]},
    }


# -- Difference ----------------------------------------------------------------------------------


def test_what_would_come_change_and_go(dmd, ada, tmp_path):
    put(dmd, ada)
    vmps = (*releases.VMPS[:-1], releases.vmp("800008008", "Diazepam 10mg tablets"))
    vpis = (releases.vpi("800001001", releases.DIAZEPAM, "6"), *releases.VPIS[1:])
    newer = taken(
        releases.dmd(
            tmp_path / "newer",
            vmps=vmps,
            vpis=(*vpis, releases.vpi("800008008", releases.DIAZEPAM, "10")),
        ),
        name="week 49",
    )
    changes = room.changes(newer)
    assert changes.counts == {"new": 1, "changed": 2, "gone": 1}
    assert changes.new == [("800008008", "Diazepam 10mg tablets", "a rule asks for it")]
    assert [code for code, _, _ in changes.changed] == ["800001001", "810001001"]
    assert changes.gone == [("800007007", "Foam dressing 10cm", "")]
    assert changes.unknown == [("Zorkine hydrochloride", 3)]
    put(newer, ada)
    dmd.refresh_from_db()
    assert dmd.state == Edition.State.REPLACED
    assert room.changes(newer).counts == {"new": 0, "changed": 0, "gone": 0}
    put(dmd, ada)
    newer.refresh_from_db()
    assert newer.state == Edition.State.REPLACED


# -- Faults ------------------------------------------------------------------------------------


def test_a_broken_row_is_named_and_sinks_no_other(rulebook, tmp_path):
    broken = "<VMP><VPID>800009009</VPID></VMP>\n"
    edition = taken(
        releases.dmd(
            tmp_path / "dmd",
            vmps=(releases.VMPS[0], broken, *releases.VMPS[1:]),
            vpis=(*releases.VPIS, releases.vpi("800001001", releases.ZORKINE, "-3")),
            amps=(*releases.AMPS, releases.tagged("AMP", APID="810009009", VPID="899", NM="Lost")),
        )
    )
    assert edition.read["products"] == 11
    told = [(f.file, f.line, f.what, f.reason) for f in edition.faults.order_by("pk")]
    assert told[0] == ("f_vmp2_3241126.xml", 5, "VMP 800009009", "NM is missing")
    assert told[1][2:] == ("VPI 800001001", "STRNT_NMRTR_VAL “-3” is no number above zero")
    assert told[2][2:] == ("810009009", "its product 899 is not in the release")
    assert len(told) == edition.read["broken"] == 3


@pytest.mark.parametrize(
    ("row", "ingredient"),
    [
        (releases.vpi("800003003", releases.CODEINE, "3O"), releases.CODEINE),
        (releases.vpi("800003003", releases.CODEINE, "30", ""), releases.CODEINE),
        (releases.vpi("800003003", "", "30"), UNREAD),
        ("<VPI><VPID>800003003</VPID><ISID>9 & 9</ISID></VPI>\n", UNREAD),
        ("<VPI><VPID>800003003</VPID>\n", UNREAD),
    ],
)
def test_a_broken_ingredient_does_not_clear_its_product(rulebook, ada, tmp_path, row, ingredient):
    vpis = tuple(row if releases.CODEINE in each else each for each in releases.VPIS)
    edition = taken(releases.dmd(tmp_path / "dmd", vpis=vpis))
    assert edition.faults.count() == edition.read["broken"] == 1
    found = {code: (mg, per) for code, mg, per in parts(edition, "800003003")}
    assert found == {ingredient: (None, "tablet"), releases.PARACETAMOL: (500.0, "tablet")}
    assert "800003003" not in room.content(edition).without
    put(edition, ada)
    said = recognised(book(), "Painwell", "dmd", "800003003")
    assert said.mask or said.unmapped


@pytest.mark.parametrize(
    ("concepts", "relations"),
    [
        (
            tuple(each.replace("|codeine phosphate", "|\0") for each in releases.CONSO),
            releases.RELS,
        ),
        (
            releases.CONSO,
            tuple(
                each.replace("9315700|", "x|", 1) if each.startswith("9315700") else each
                for each in releases.RELS
            ),
        ),
    ],
    ids=["component", "link"],
)
def test_a_broken_component_does_not_clear_its_product(rulebook, tmp_path, concepts, relations):
    folder = releases.rxnorm(tmp_path / "rx", concepts=concepts, relations=relations)
    edition = taken(folder, "rxnorm")
    assert edition.faults.count() == 2
    assert len(parts(edition, "9993781")) == 2
    assert "9993781" not in room.content(edition).without


@pytest.mark.parametrize(
    ("lost", "is_clear"),
    [
        (f"<VPI><ISID>{releases.DIAZEPAM}</ISID></VPI>\n", False),
        (f"<VPI><VPID>x</VPID><ISID>{releases.ZORKINE}</ISID></VPI>\n", False),
        ("<VPI><VPID></VPID></VPI>\n", False),
        (f"<VPI><ISID>{releases.PARACETAMOL}</ISID></VPI>\n", True),
    ],
)
def test_an_ingredient_of_no_product_is_named_and_clears_none(rulebook, tmp_path, lost, is_clear):
    """Any product may hold it; only where it is one that no rule asks for does that not matter."""
    edition = taken(releases.dmd(tmp_path / "dmd", vpis=(*releases.VPIS, lost)))
    [fault] = edition.faults.all()
    assert (fault.what, "VPID" in fault.reason) == ("VPI", True)
    found = room.content(edition)
    assert ("800004004" in found.without) is is_clear
    assert (found.without == []) is not is_clear
    assert "800001001" in found.products, "what is known to be asked for still is"
    total = len(found.products) + len(found.without) + found.unknown
    assert total == edition.products.count()


MOIETY = releases.vmp("800008008", "Calm & sleep tablets", vtm="700001001")


@pytest.mark.parametrize(
    ("row", "ingredients"),
    [
        ("", [releases.DIAZEPAM]),
        (MOIETY, []),
        ("<VMP><VPID>800008008</VPID></VMP>\n", []),
        (MOIETY.replace("700001001", "700002002"), [releases.DIAZEPAM]),
        (releases.vmp("800008008", "Foam & gauze"), [releases.DIAZEPAM]),
    ],
    ids=["whole", "broken", "broken without its moiety", "of another moiety", "of none"],
)
def test_a_moiety_is_not_taken_from_the_rest_of_its_products(rulebook, tmp_path, row, ingredients):
    edition = taken(releases.dmd(tmp_path / "dmd", vmps=(*releases.VMPS, row)))
    assert edition.faults.count() == (row != "")
    assert edition.products.get(code="700001001").ingredients == ingredients


def test_a_denominator_that_is_nearly_nothing_sinks_no_release(rulebook, tmp_path):
    tiny = releases.vpi("800002002", releases.DIAZEPAM, "2", per="1e-400", per_unit=releases.ML)
    vpis = tuple(tiny if "800002002" in each else each for each in releases.VPIS)
    edition = taken(releases.dmd(tmp_path / "dmd", vpis=vpis))
    assert edition.state == Edition.State.READY
    assert parts(edition, "800002002") == [[releases.DIAZEPAM, None, ""]]


@pytest.mark.parametrize(
    "relations",
    [
        tuple(each for each in releases.RELS if not each.startswith("9315700|")),
        tuple(each.replace("|9993781|", "||") for each in releases.RELS),
        (*releases.RELS, releases.rel("12345", "has_ingredient", "9315701")),
    ],
    ids=["a lost row", "rows without their second concept", "an ingredient that is none"],
)
def test_a_lost_link_does_not_clear_its_product(rulebook, tmp_path, relations):
    """The name says of how many components a clinical drug is."""
    edition = taken(releases.rxnorm(tmp_path / "rx", relations=relations), "rxnorm")
    of = edition.products.get(code="9993781").ingredients
    assert of == [] or not {"92670", "90161"} >= set(of)
    assert "9993781" not in room.content(edition).without


def test_a_file_that_ends_in_the_middle_leaves_nothing(rulebook, tmp_path):
    folder = releases.dmd(tmp_path / "dmd")
    path = folder / "f_amp2_3241126.xml"
    path.write_text(path.read_text()[:-20])
    edition = taken(folder)
    assert edition.state == Edition.State.REFUSED
    assert edition.refused.startswith("f_amp2_3241126.xml: it ends in the middle")
    assert not edition.products.exists()
    assert Job.objects.get(kind=editions.READ).note.startswith("Not read: f_amp2")
    again = begin(folder)
    assert again.edition == edition
    assert again.job is not None


def test_a_missing_file_is_named(rulebook, tmp_path):
    folder = releases.dmd(tmp_path / "dmd")
    (folder / "f_vtm2_3241126.xml").unlink()
    with pytest.raises(BadRecord, match="f_vtm2_"):
        begin(folder)
    with pytest.raises(BadRecord, match="no folder"):
        begin(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("make_it", "why"),
    [
        (lambda folder: (folder / "f_vtm2_3241126.xml").rename(folder / "week48.zip"), "unpack"),
        (
            lambda folder: (folder / "f_vtm2_3241126.xml").rename(folder / "f_vtm2_1.xml.gz"),
            r"f_vtm2_….xml; it holds a packed file",
        ),
        (
            lambda folder: (folder / "f_vmp2_3171126.xml").write_text("<VMPS></VMPS>"),
            "more than one file f_vmp2_…: f_vmp2_3171126.xml, f_vmp2_3241126.xml",
        ),
    ],
    ids=["zip", "gz", "two releases in one folder"],
)
def test_a_folder_that_is_no_release_is_refused_in_words(rulebook, tmp_path, make_it, why):
    folder = releases.dmd(tmp_path / "dmd")
    make_it(folder)
    with pytest.raises(BadRecord, match=why):
        begin(folder)
    assert not Edition.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\0b"])
def test_a_release_has_a_name(rulebook, tmp_path, name):
    with pytest.raises(BadRecord, match="name"):
        begin(releases.dmd(tmp_path / "dmd"), name=name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (releases.file("VIRTUAL_MED_PRODUCTS"), "it holds no row of its kind"),
        ('<d:VMPS xmlns:d="x"><d:VMP></d:VMP></d:VMPS>', "have a prefix"),
        ("PK\x03\x04", "no XML in UTF-8"),
    ],
    ids=["nothing in it", "names with a prefix", "packed"],
)
def test_a_file_in_which_nothing_is_found_is_no_file_without_products(
    rulebook, tmp_path, text, why
):
    folder = releases.dmd(tmp_path / "dmd")
    (folder / "f_vmp2_3241126.xml").write_text(text)
    edition = taken(folder)
    assert edition.state == Edition.State.REFUSED
    assert edition.refused.startswith("f_vmp2_3241126.xml: ")
    assert why in edition.refused


def test_a_release_in_which_every_row_is_broken_is_not_one_without_products(rulebook, tmp_path):
    folder = releases.rxnorm(tmp_path / "rx")
    path = folder / "RXNCONSO.RRF"
    path.write_bytes(path.read_text().encode("utf-16"))
    edition = taken(folder, "rxnorm")
    assert edition.state == Edition.State.REFUSED
    assert "no product could be read in 26 rows, of which" in edition.refused
    assert "RXNCONSO.RRF, line 1: it is not written in UTF-8" in edition.refused
    odd = releases.atc(tmp_path / "atc", rows=("code,name\n", "N,NERVOUS SYSTEM\n"))
    assert taken(odd, "atc").refused == "no product could be read in 2 rows"


def test_a_row_that_stands_twice_counts_once(rulebook, tmp_path):
    folder = releases.dmd(
        tmp_path / "dmd",
        vmps=(*releases.VMPS, *releases.VMPS),
        amps=(*releases.AMPS, releases.AMPS[0]),
    )
    edition = taken(folder)
    assert edition.read["products"] == edition.products.count() == 11


def all_of(edition):
    return list(
        edition.products.order_by("code").values_list("code", "name", "form", "route", "parts")
    )


def test_killed_anywhere_it_goes_on_where_it_was(dmd, tmp_path, monkeypatch):
    """Slices of one step each, every second one rolled back: the same products."""
    monkeypatch.setattr(editions, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(editions, "PRODUCTS_AT_ONCE", 2)
    folder = releases.dmd(tmp_path / "again", amps=releases.AMPS[::-1])
    job = begin(folder, name="other").job
    calls = []

    def killed_half_the_time(job, seconds):
        calls.append(job)
        made = editions.read(job, 0)
        if len(calls) % 2:
            raise RuntimeError("killed")
        return made

    while job.ended_at is None and len(calls) < 300:
        Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
        jobs.work({editions.READ: killed_half_the_time}, seconds=0)
        job.refresh_from_db()
    assert job.state == Job.State.DONE
    edition = Edition.objects.get(pk=job.given["edition"])
    assert all_of(edition) == all_of(dmd)
    assert not EditionFault.objects.filter(edition=edition).exists()


# -- Who may, and what is kept ---------------------------------------------------------------------


def test_putting_in_force_is_for_formulary_admins_and_stands_in_the_trail(dmd, ada, ravi):
    with pytest.raises(NotAllowed):
        put(dmd, ravi)
    with pytest.raises(BadRecord):
        editions.put_in_force(edition=dmd, next_review=make.day(367), by=ada)
    with pytest.raises(BadRecord):
        editions.put_in_force(edition=dmd, next_review=make.day(), by=ada)
    done = put(dmd, ada)
    assert (done.reviewed, done.put_in_force_by) == (make.day(), ada)
    event = AuditEvent.objects.get(verb="release.in_force")
    assert event.detail == {"source": done.source, "products": 11}
    assert done.digest[:12] in done.source
    with pytest.raises(IllegalMove):
        put(dmd, ada)
    with pytest.raises(BadRecord):
        editions.take_out_of_force(edition=dmd, reason=" ", by=ada)
    before = formulary()
    editions.take_out_of_force(edition=dmd, reason="The licence ended", by=ada)
    assert "without_a_rule" in before
    assert "without_a_rule" not in formulary()
    with pytest.raises(IllegalMove):
        editions.take_out_of_force(edition=dmd, reason="again", by=ada)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE drugs_edition SET digest = 'x'",
        "UPDATE drugs_edition SET released_on = released_on - 1",
        "DELETE FROM drugs_edition",
        "UPDATE drugs_edition SET state = 'in_force'",
    ],
)
def test_what_a_release_was_cannot_be_changed(dmd, statement):
    with pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(statement)


def test_two_releases_of_a_list_are_never_in_force(dmd, ada, tmp_path):
    put(dmd, ada)
    other = taken(releases.dmd(tmp_path / "other", amps=releases.AMPS[:1]), name="other")
    with pytest.raises(IntegrityError), transaction.atomic():
        Edition.objects.filter(pk=other.pk).update(
            state="in_force",
            put_in_force_at=dmd.read_at,
            put_in_force_by=ada,
            reviewed=make.day(),
            next_review=make.day(9),
        )


def test_the_command_queues_and_tells(rulebook, tmp_path, capsys):
    folder = releases.dmd(tmp_path / "dmd")
    given = {"name": "week 48", "released": DAY}
    call_command("import_release", "dmd", str(folder), **given)
    assert "Queued: Read dm+d, week 48 in" in capsys.readouterr().out
    work()
    call_command("import_release", "dmd", str(folder), **given)
    assert "Nothing to do" in capsys.readouterr().out
    call_command("import_release", "dmd", difference=True)
    assert "11 new, 0 changed, 0 gone" in capsys.readouterr().out
    with pytest.raises(CommandError, match="nobody called"):
        call_command("import_release", "dmd", str(folder), **given, by="nobody")
    with pytest.raises(CommandError, match="No release"):
        call_command("import_release", "atc", difference=True)


@given(st.lists(st.integers(1, 10**18 - 1), max_size=30), st.integers(1, 10**18 - 1))
def test_a_code_is_without_a_rule_where_the_book_says_so(codes, asked):
    data = {"number": 1, "drugs": {}, "products": {}, "atc": {}, "names": {}, "rules": {}}
    codes = sorted({*codes})
    held = RuleBook.from_json({**data, "without_a_rule": {"dmd": codes}})
    for code in (*codes, asked):
        found = held.recognise_text("Something", (("dmd", str(code)),))
        assert (not found.unmapped) == (code in codes)
        assert held.recognise_text("Something", (("dmd", f"0{code}"),)).unmapped
        assert held.recognise_text("Something", (("rxnorm", str(code)),)).unmapped
