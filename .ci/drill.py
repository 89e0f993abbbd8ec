"""`./dev drill NAME`: what an operator should have tried before it is needed; a line a part."""

import sys

from drills import deploy, recovery, upgrade

from portal.local import Refused
from portal.supervisor import Stopped, fail

DRILLS = {"deploy": deploy, "recovery": recovery, "upgrade": upgrade}


def main(argv):
    name = argv[0] if argv else ""
    if name not in DRILLS:
        print("Drills: " + ", ".join(DRILLS) + ". Each takes --help.", file=sys.stderr)
        return 2
    try:
        return DRILLS[name].main(argv[1:])
    except Refused as error:
        fail(error)
    except Stopped:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
