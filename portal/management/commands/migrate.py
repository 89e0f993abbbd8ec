"""`manage.py migrate`: Django's own, with locks so short that the portal can be read meanwhile."""

from django.core.management.commands import migrate

from portal.migrating import ShortLocks

# The command looks its executor up by this name, and has no other place to say which.
migrate.MigrationExecutor = ShortLocks


class Command(migrate.Command):
    pass
