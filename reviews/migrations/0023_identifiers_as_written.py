from django.db import migrations

from reviews.identifiers import written


def write_identifiers(apps, schema_editor):
    """Write each number in the form of its system.

    One that somebody else has in that form stays as it is: they are listed as suspected to be one
    person, and what its source sends next goes to whoever has the number.
    """
    Identifier = apps.get_model('reviews', 'Identifier')
    held = set(Identifier.objects.values_list('practice_id', 'system', 'value'))
    changed = []
    for identifier in Identifier.objects.order_by('pk').iterator():
        system, value = written(identifier.system, identifier.value)
        key = (identifier.practice_id, system, value)
        if key not in held:
            held.add(key)
            identifier.system, identifier.value = system, value
            changed.append(identifier)
    Identifier.objects.bulk_update(changed, ['system', 'value'], batch_size=1_000)


class Migration(migrations.Migration):

    # Not on 0022_names_folded: some databases were upgraded before that was a migration of its own.
    dependencies = [('reviews', '0022_people_as_they_are')]

    operations = [migrations.RunPython(write_identifiers, migrations.RunPython.noop)]
