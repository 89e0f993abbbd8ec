"""Read before Django's settings: what a test run needs in its environment, unless it is given."""

import os

os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests-only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1")
os.environ.setdefault("HTTPS", "off")
os.environ.setdefault("LOG_LEVEL", "WARNING")
