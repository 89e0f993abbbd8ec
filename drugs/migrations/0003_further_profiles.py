"""Facts of drugs may be of further profiles of a rule book."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('drugs', '0002_releases'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='drugfact',
            name='fact_profile_known',
        ),
        migrations.RemoveConstraint(
            model_name='formularystatus',
            name='status_profile_known',
        ),
        migrations.RemoveConstraint(
            model_name='limit',
            name='limit_profile_known',
        ),
        migrations.RemoveConstraint(
            model_name='presentation',
            name='presentation_profile_known',
        ),
        migrations.AlterField(
            model_name='drugfact',
            name='profile',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name='drugfactevent',
            name='profile',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name='formularystatus',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='formularystatusevent',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='limit',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='limitevent',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='presentation',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='presentationevent',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AddConstraint(
            model_name='drugfact',
            constraint=models.CheckConstraint(condition=models.Q(('profile', ''), ('profile__regex', '^[A-Z]{2,8}$'), _connector='OR'), name='fact_profile_known'),
        ),
        migrations.AddConstraint(
            model_name='formularystatus',
            constraint=models.CheckConstraint(condition=models.Q(('profile__regex', '^[A-Z]{2,8}$')), name='status_profile_known'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(('profile__regex', '^[A-Z]{2,8}$')), name='limit_profile_known'),
        ),
        migrations.AddConstraint(
            model_name='presentation',
            constraint=models.CheckConstraint(condition=models.Q(('profile__regex', '^[A-Z]{2,8}$')), name='presentation_profile_known'),
        ),
    ]
