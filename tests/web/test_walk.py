"""How many modules somebody must open to follow a prescription from its form to its flag."""

import sys

from django.urls import reverse

from reviews import dossiers, requests, tasks
from reviews.forms.prescribing import PrescriptionForm
from reviews.models import Flag
from reviews.queries.picker import value_of
from reviews.rules import saying
from reviews.verbs import prescribe, screen
from tests import make
from tests.web.browse import Browser

SAVED = (PrescriptionForm.record, prescribe.log.__wrapped__, requests.enqueue)
FLAGGED = (dossiers.read, saying.candidate, screen.Difference.write)
"""Where the walk stops to look: the form is read, the record and the request are written; the
person is read, the finding is made, the flag is written."""


class Walk:
    """The modules of ours that are at work whenever one of `stops` is called."""

    def __init__(self):
        self.modules = {}

    def watched(self, stops, action):
        codes = {stop.__code__ for stop in stops}

        def look(frame, event, _):
            if event == "call" and frame.f_code in codes:
                codes_met.add(frame.f_code)
                self._note(frame)

        codes_met = set()
        sys.setprofile(look)
        try:
            action()
        finally:
            sys.setprofile(None)
        assert codes_met == codes

    def _note(self, frame):
        stack = []
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith("reviews."):
                stack.append(name)
            frame = frame.f_back
        self.modules.update(dict.fromkeys(reversed(stack)))


def test_a_prescription_is_followed_to_its_flag_through_twelve_modules(clara, harbour):
    bell = make.patient(harbour, clara)
    screen.drain()
    form = {
        "do": "save",
        "product": value_of("Diazepam 5 mg tablets", []),
        "dose": "1",
        "dose_unit": "tablet",
        "times_per_day": "1",
        "days_supply": "35",
        "start_on": f"{make.day():%-d %b %Y}",
        "indication": "anxiety",
        "setting": "community",
    }
    browser, walk = Browser(clara), Walk()
    walk.watched(SAVED, lambda: browser.post(reverse("prescription-log", args=[bell.pk]), **form))
    walk.watched(FLAGGED, tasks.drain)
    assert Flag.objects.filter(patient=bell, rule_id="DUR-01").exists()
    assert sorted(walk.modules) == [
        "reviews.dossiers",
        "reviews.forms.prescribing",
        "reviews.requests",
        "reviews.rules.duration",
        "reviews.rules.saying",
        "reviews.rules.screen",
        "reviews.tasks",
        "reviews.verbs.prescribe",
        "reviews.verbs.screen",
        "reviews.views.prescribing",
        "reviews.views.reading",
        "reviews.views.refusals",
    ]
