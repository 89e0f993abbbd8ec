"""What things cost, each beside a floor taken in the same run: read the ratios, not the times.

`./dev bench` runs them with the services they need.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()
