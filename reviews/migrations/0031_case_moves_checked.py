"""What takes as long as there are moves, apart from what needs locks: cases are read meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("reviews", "0030_people_and_practices")]

    operations = [ValidateConstraint("casemove", "case_moved_by_the_portal_or_somebody")]
