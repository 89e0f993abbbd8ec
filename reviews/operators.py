"""Who works on the server itself: commands have no user of the portal."""

import os
import pwd


def name() -> str:
    """The account that runs this command, for the trail."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
