"""Who was told by mail that a guarded book stopped itself."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0155_further_profiles'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GuardedNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('guarded', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='reviews.guardedpractice')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('guarded', 'user'), name='guardednotice_once')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardednotice',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='553f0444b9a05ac430846e4601bf70514ac35e60', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_bbf0d', table='reviews_guardednotice', when='BEFORE')),
        ),
    ]
