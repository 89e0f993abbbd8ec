"""Look, without a lock that readers wait for, whether all moves are known ones."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('reviews', '0066_messages')]

    operations = [ValidateConstraint("casemove", "case_move_known")]
