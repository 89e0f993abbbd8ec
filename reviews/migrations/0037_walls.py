"""Row-level security: what is said of patients is seen by practice, also by who owns the tables."""

from django.db import migrations

ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
OF_PRACTICE = f"{ALL} OR practice_id = ANY ({PRACTICES}::bigint[])"
OF_PRACTICE_OR_NONE = f"{OF_PRACTICE} OR (practice_id IS NULL AND {PRACTICES} IS NOT NULL)"


def _of(table, column):
    return f"{ALL} OR EXISTS (SELECT FROM {table} parent WHERE parent.id = {column})"


WALLED = {
    "reviews_apikey_practices": OF_PRACTICE,
    "reviews_auditevent": OF_PRACTICE_OR_NONE,
    "reviews_case": OF_PRACTICE,
    "reviews_casemove": _of("reviews_case", "case_id"),
    "reviews_condition": OF_PRACTICE,
    "reviews_datacheck": _of("reviews_decisionitem", "item_id"),
    "reviews_decision": OF_PRACTICE,
    "reviews_decisionitem": _of("reviews_decision", "decision_id"),
    "reviews_exemption": OF_PRACTICE,
    "reviews_flag": OF_PRACTICE,
    "reviews_identifier": OF_PRACTICE,
    "reviews_identityquestion": OF_PRACTICE,
    "reviews_identityquestion_patients": _of("reviews_identityquestion", "identityquestion_id"),
    "reviews_importnote": OF_PRACTICE,
    "reviews_keptapart": OF_PRACTICE,
    "reviews_medicinemeaning": OF_PRACTICE_OR_NONE,
    "reviews_nosedative": OF_PRACTICE_OR_NONE,
    "reviews_patient": OF_PRACTICE,
    "reviews_patientscreening": _of("reviews_patient", "patient_id"),
    "reviews_patientversion": OF_PRACTICE,
    "reviews_personmerge": OF_PRACTICE,
    "reviews_prescription": OF_PRACTICE,
    "reviews_reading": OF_PRACTICE,
    "reviews_screeningrequest": _of("reviews_patient", "patient_id"),
    "reviews_taper": OF_PRACTICE,
    "reviews_taperversion": OF_PRACTICE,
    "reviews_waitingrecord": OF_PRACTICE,
}


def _put_up(table, seen):
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY practices ON {table} USING ({seen});
    """


def _taken_down(table):
    return f"""
        DROP POLICY practices ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
    """


class Migration(migrations.Migration):
    dependencies = [("reviews", "0034_signing_in")]

    operations = [
        migrations.RunSQL(_put_up(table, seen), _taken_down(table))
        for table, seen in WALLED.items()
    ]
