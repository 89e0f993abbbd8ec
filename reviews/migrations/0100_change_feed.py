"""The change feed: written by triggers, in the transaction of whatever writes the record."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import reviews.models.sealing

# As `reviews.walls` says it; a migration keeps the words of its day.
OF_PRACTICE = (
    "(SELECT current_setting('portal.practices', true) = 'all')"
    " OR practice_id = ANY ((SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
    "::bigint[])"
)
WALL = f"""
    ALTER TABLE reviews_change ENABLE ROW LEVEL SECURITY;
    ALTER TABLE reviews_change FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON reviews_change USING ({OF_PRACTICE});
"""
NO_WALL = """
    DROP POLICY practices ON reviews_change;
    ALTER TABLE reviews_change NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE reviews_change DISABLE ROW LEVEL SECURITY;
"""
FIRST = """
    INSERT INTO reviews_feed (id, name, place, pruned_xact, pruned_seq)
    VALUES (1, gen_random_uuid(), '', 0, 0)
"""

OWN = ("w.id", "NULL::int", "w.practice_id", "w.patient_id", "")
VERSIONED = ("w.id", "w.version", "w.practice_id", "w.patient_id", "")
# What is told of a written row `w` of each table: id, version, practice, patient, and what is joined.
TOLD = {
    "patients": (
        "reviews_patient",
        "w.id",
        "v.version",
        "w.practice_id",
        "w.id",
        "LEFT JOIN reviews_patientversion v ON v.patient_id = w.id AND v.superseded_at IS NULL",
    ),
    "conditions": ("reviews_condition", *VERSIONED),
    "readings": ("reviews_reading", *VERSIONED),
    "prescriptions": ("reviews_prescription", *VERSIONED),
    "tapers": ("reviews_taperversion", "w.id", "w.number", "w.practice_id", "w.patient_id", ""),
    "flags": ("reviews_flag", *OWN),
    "cases": ("reviews_case", "w.id", "w.lock", "w.practice_id", "w.patient_id", ""),
    "decisions": ("reviews_decision", *OWN),
    "reviews": ("reviews_structuredreview", *OWN),
    "letters": ("reviews_letter", *OWN),
    "notes": ("reviews_importnote", *OWN),
    "messages": (
        "reviews_message",
        "w.id",
        "NULL::int",
        "w.practice_id",
        "c.patient_id",
        "LEFT JOIN reviews_case c ON c.id = w.case_id",
    ),
    "screenings": (
        "reviews_patientscreening",
        "w.patient_id",
        "NULL::int",
        "p.practice_id",
        "w.patient_id",
        "JOIN reviews_patient p ON p.id = w.patient_id",
    ),
}
# Somebody who was merged into another has nothing of their own any more.
GONE = {"patients": "WHEN w.merged_into_id IS NOT NULL THEN 'deleted'"}

# With the rights of the owner: whoever may write the record need not be able to write the feed.
FUNCTION = """
    CREATE FUNCTION {table}_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        INSERT INTO public.reviews_change (kind, op, row, version, practice_id, patient, at)
        SELECT '{kind}',
            CASE {gone} WHEN TG_OP = 'INSERT' THEN 'created' WHEN TG_OP = 'UPDATE' THEN 'updated' ELSE 'deleted' END,
            {row}, {version}, {practice}, {patient}, statement_timestamp()
        FROM written w {join};
        RETURN NULL;
    END $$;
    CREATE TRIGGER told_created AFTER INSERT ON {table} REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_told();
    CREATE TRIGGER told_updated AFTER UPDATE ON {table} REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_told();
    CREATE TRIGGER told_deleted AFTER DELETE ON {table} REFERENCING OLD TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_told();
    CREATE TRIGGER told_emptied AFTER TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION reviews_feed_anew();
"""
NO_FUNCTION = """
    DROP TRIGGER told_emptied ON {table};
    DROP TRIGGER told_deleted ON {table};
    DROP TRIGGER told_updated ON {table};
    DROP TRIGGER told_created ON {table};
    DROP FUNCTION {table}_told();
"""
# A table that is emptied at once names no rows, so whoever follows has to begin again.
ANEW = """
    CREATE FUNCTION reviews_feed_anew() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        UPDATE public.reviews_feed SET place = '' WHERE id = 1;
        RETURN NULL;
    END $$;
"""


def _told(kind):
    table, row, version, practice, patient, join = TOLD[kind]
    named = {"kind": kind, "table": table, "row": row, "version": version}
    named |= {"practice": practice, "patient": patient, "join": join, "gone": GONE.get(kind, "")}
    return migrations.RunSQL(FUNCTION.format(**named), NO_FUNCTION.format(table=table))


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0073_patient_notes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('xact', models.BigIntegerField(db_default=reviews.models.sealing.transaction_number(), editable=False)),
                ('kind', models.CharField(max_length=14)),
                ('op', models.CharField(choices=[('created', 'Created'), ('updated', 'Updated'), ('deleted', 'Deleted')], max_length=7)),
                ('row', models.BigIntegerField()),
                ('version', models.IntegerField(null=True)),
                ('patient', models.BigIntegerField(null=True)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('practice', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='reviews.practice')),
            ],
            options={
                'indexes': [models.Index(fields=['xact', 'seq'], name='change_in_order')],
            },
        ),
        migrations.CreateModel(
            name='Feed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.UUIDField()),
                ('place', models.CharField(max_length=100)),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('pruned_xact', models.BigIntegerField(default=0)),
                ('pruned_seq', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='feed_one_row')],
            },
        ),
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
        migrations.RunSQL(WALL, NO_WALL),
        migrations.RunSQL(ANEW, "DROP FUNCTION reviews_feed_anew()"),
        *(_told(kind) for kind in TOLD),
    ]
