"""Small releases in the documented file formats, written for tests. Every code is invented."""

from pathlib import Path

MG, ML, HOUR, MICROGRAM = "258684004", "258773002", "258702006", "258685003"
TABLET, SOLUTION, PATCH = "385055001", "385023001", "36875001"
ORAL = "26643006"

DIAZEPAM, CODEINE, PARACETAMOL, ZORKINE, AMOXICILLIN = (
    "900001001",
    "900002002",
    "900003003",
    "900004004",
    "900005005",
)
SUBSTANCES = {
    DIAZEPAM: "Diazepam",
    CODEINE: "Codeine phosphate hemihydrate",
    PARACETAMOL: "Paracetamol",
    ZORKINE: "Zorkine hydrochloride",
    AMOXICILLIN: "Amoxicillin trihydrate",
}


def tagged(name, **values):
    inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in values.items())
    return f"<{name}>{inside}</{name}>\n"


def info(code, text):
    return tagged("INFO", CD=code, DESC=text)


def vmp(code, name, *, vtm=""):
    more = {"VTMID": vtm} if vtm else {}
    return tagged("VMP", VPID=code, **more, NM=name)


def vpi(code, substance, value="", unit=MG, *, per="", per_unit=""):
    strength = {"STRNT_NMRTR_VAL": value, "STRNT_NMRTR_UOMCD": unit} if value else {}
    if per:
        strength |= {"STRNT_DNMTR_VAL": per, "STRNT_DNMTR_UOMCD": per_unit}
    return tagged("VPI", VPID=code, ISID=substance, BASIS_STRNTCD="1", **strength)


def file(root, *parts):
    head = '<?xml version="1.0" encoding="utf-8" ?>\n'
    return f"{head}<{root}>\n{''.join(parts)}</{root}>\n"


LOOKUP = file(
    "LOOKUP",
    "<UNIT_OF_MEASURE>",
    info(MG, "mg"),
    info(ML, "ml"),
    info(HOUR, "hour"),
    info(MICROGRAM, "microgram"),
    "</UNIT_OF_MEASURE><FORM>",
    info(TABLET, "Tablet"),
    info(SOLUTION, "Oral solution"),
    info(PATCH, "Transdermal patch"),
    "</FORM><ROUTE>",
    info(ORAL, "Oral"),
    "</ROUTE><LEGAL_CATEGORY>",
    info("0003", "POM"),
    "</LEGAL_CATEGORY>",
)
VMPS = (
    vmp("800001001", "Diazepam 5mg tablets", vtm="700001001"),
    vmp("800002002", "Diazepam 2mg/5ml oral solution", vtm="700001001"),
    vmp("800003003", "Co-codamol 30mg/500mg tablets"),
    vmp("800004004", "Amoxicillin 500mg tablets"),
    vmp("800005005", "Zorkine 10mg tablets"),
    vmp("800006006", "Diazepam 5mg / Zorkine 10mg tablets"),
    vmp("800007007", "Foam dressing 10cm"),
)
VPIS = (
    vpi("800001001", DIAZEPAM, "5"),
    vpi("800002002", DIAZEPAM, "2", per="5", per_unit=ML),
    vpi("800003003", CODEINE, "30"),
    vpi("800003003", PARACETAMOL, "500"),
    vpi("800004004", AMOXICILLIN, "500"),
    vpi("800005005", ZORKINE, "10"),
    vpi("800006006", DIAZEPAM, "5000", MICROGRAM),
    vpi("800006006", ZORKINE, "10"),
)
FORMS = tuple(
    tagged("DFORM", VPID=f"80000{n}00{n}", FORMCD=SOLUTION if n == 2 else TABLET)
    for n in range(1, 7)
)
AMPS = (
    tagged("AMP", APID="810001001", VPID="800001001", NM="Calmwell", DESC="Calmwell 5mg tablets"),
    tagged("AMP", APID="810004004", VPID="800004004", NM="Amoxwell", DESC="Amoxwell 500 tablets"),
    tagged("AMP", APID="810005005", VPID="800005005", NM="Zorkwell", DESC="Zorkwell 10 tablets"),
)


def dmd(folder, *, vmps=VMPS, vpis=VPIS, forms=FORMS, amps=AMPS):
    """Write the five files of a dm+d release into a new folder."""
    folder = Path(folder)
    folder.mkdir()
    files = {
        "f_lookup2_3241126.xml": LOOKUP,
        "f_ingredient2_3241126.xml": file(
            "INGREDIENT_SUBSTANCES",
            *(tagged("ING", ISID=code, NM=name) for code, name in SUBSTANCES.items()),
        ),
        "f_vtm2_3241126.xml": file(
            "VIRTUAL_THERAPEUTIC_MOIETIES", tagged("VTM", VTMID="700001001", NM="Diazepam")
        ),
        "f_vmp2_3241126.xml": file(
            "VIRTUAL_MED_PRODUCTS",
            "<VMPS>\n",
            *vmps,
            "</VMPS><VIRTUAL_PRODUCT_INGREDIENT>\n",
            *vpis,
            "</VIRTUAL_PRODUCT_INGREDIENT><DRUG_FORM>\n",
            *forms,
            "</DRUG_FORM>",
        ),
        "f_amp2_3241126.xml": file(
            "ACTUAL_MEDICINAL_PRODUCTS",
            "<AMPS>\n",
            *amps,
            "</AMPS><AP_INGREDIENT>",
            tagged("AP_ING", APID="810001001", ISID=ZORKINE),
            "</AP_INGREDIENT>",
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def conso(code, kind, name, vocabulary="RXNORM"):
    columns = [code, "ENG", "", "", "", "", "", "1", "", "", "", vocabulary, kind, code, name]
    return "|".join([*columns, "", "N", "", ""]) + "\n"


def rel(first, how, second, vocabulary="RXNORM"):
    columns = [first, "", "CUI", "RO", second, "", "CUI", how, "1", "", vocabulary, vocabulary]
    return "|".join([*columns, "", "", "", "", ""]) + "\n"


CONSO = (
    conso("93322", "IN", "diazepam"),
    conso("90161", "IN", "acetaminophen"),
    conso("92670", "IN", "codeine"),
    conso("99999", "IN", "zorkine"),
    conso("9315766", "SCDC", "diazepam 5 MG"),
    conso("9315700", "SCDC", "codeine phosphate 30 MG"),
    conso("9315701", "SCDC", "acetaminophen 300 MG"),
    conso("9315702", "SCDC", "zorkine 1 MG/ML"),
    conso("9197591", "SCD", "diazepam 5 MG Oral Tablet"),
    conso("9993781", "SCD", "acetaminophen 300 MG / codeine phosphate 30 MG Oral Tablet"),
    conso("9100000", "SCD", "zorkine 1 MG/ML Oral Solution"),
    conso("9104699", "SBD", "diazepam 5 MG Oral Tablet [Calmwell]"),
    conso("9104700", "SBD", "something [Lost]"),
    conso("1", "BD", "of another vocabulary", "MMSL"),
)
# The second concept is what the relation says to the first.
RELS = (
    rel("93322", "has_ingredient", "9315766"),
    rel("9315766", "ingredient_of", "93322"),
    rel("92670", "has_ingredient", "9315700"),
    rel("90161", "has_ingredient", "9315701"),
    rel("99999", "has_ingredient", "9315702"),
    rel("9315766", "consists_of", "9197591"),
    rel("9315700", "consists_of", "9993781"),
    rel("9315701", "consists_of", "9993781"),
    rel("9315702", "consists_of", "9100000"),
    rel("9197591", "tradename_of", "9104699"),
    rel("99999", "has_ingredient", "9315766", "MMSL"),
)


def rxnorm(folder, *, concepts=CONSO, relations=RELS):
    """Write the two files of an RxNorm release into a new folder."""
    folder = Path(folder)
    folder.mkdir()
    (folder / "RXNCONSO.RRF").write_text("".join(concepts))
    (folder / "RXNREL.RRF").write_text("".join(relations))
    return folder


ATC = (
    "ATC code,ATC level name,DDD,U,Adm.R,Note\n",
    "N,NERVOUS SYSTEM,,,,\n",
    "N05BA,Benzodiazepine derivatives,,,,\n",
    "N05BA01,diazepam,10,mg,O,\n",
    "J01CA04,amoxicillin,1.5,g,O,\n",
    'N02AA59,"codeine, combinations excl. psycholeptics",,,,\n',
    "N02AJ99,codeine and paracetamol,,,,\n",
    "N05BA99,zorkine,,,,\n",
)


def atc(folder, *, rows=ATC):
    """Write the CSV of an ATC index into a new folder."""
    folder = Path(folder)
    folder.mkdir()
    (folder / "atc_index_2026.csv").write_text("".join(rows))
    return folder
