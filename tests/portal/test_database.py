"""What the models promise is in the database that the migrations make."""

from django.apps import apps
from django.core.checks import run_checks
from django.db import connection

from tests import database


def test_every_constraint_and_index_of_the_models_is_there(db):
    missing = []
    for model in apps.get_models():
        if model._meta.app_label not in ("reviews", "drugs"):
            continue
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(cursor, model._meta.db_table)
        named = [*model._meta.constraints, *model._meta.indexes]
        missing += [each.name for each in named if each.name not in there]
    assert missing == []


def test_every_trigger_of_the_models_is_there(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        there = {name for (name,) in cursor.fetchall()}
    wanted = {
        trigger.get_pgid(model)
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", ())
    }
    assert len(wanted) > 20
    assert wanted - there == set()


def test_the_deployment_check_names_a_role_that_no_policy_holds(db):
    def said():
        found = run_checks(tags=["database"], include_deployment_checks=True, databases=["default"])
        return [each.id for each in found]

    assert said() == []
    with database.as_owner():
        assert said() == ["portal.E001"]
    with connection.cursor() as cursor:
        with database.as_owner():
            cursor.execute("CREATE ROLE plain_owner")
            cursor.execute("ALTER TABLE reviews_patient OWNER TO plain_owner")
        with database.as_owner():
            cursor.execute("SET ROLE plain_owner")
            assert said() == ["portal.W001"]
