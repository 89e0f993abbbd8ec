#!/usr/bin/env python
"""Django's command line. `./dev manage` calls it with the settings of the local services."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

OWNERS = {"flush", "migrate", "prepare", "seed"}
"""Commands that make or change tables: they connect as their owner, where one is named."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if OWNERS & {*sys.argv[1:2]}:
        os.environ["PORTAL_AS_OWNER"] = "on"
    try:
        _ = settings.INSTALLED_APPS  # read, so that a missing setting is said plainly
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    from reviews import walls  # noqa: PLC0415 - it needs the settings

    # Whoever may run commands on this machine works for every practice.
    walls.by_default(walls.EVERYTHING)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
