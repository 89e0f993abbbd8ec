"""Loaded before Django's settings: what a test run needs from its environment, and what it lacks.

Without a Chromium the browser tests are left out, and the last lines of the run say so.
"""

import gc
import os

import pytest

from portal import browser

os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests-only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1")
os.environ.setdefault("HTTPS", "off")
os.environ.setdefault("LOG_LEVEL", "WARNING")

_left_out = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    needing = [item for item in items if item.get_closest_marker("browser")]
    if not needing or browser.find():
        return
    config.stash[_left_out] = len(needing)
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]


def pytest_collection_finish(session):
    """Take what was imported out of the garbage collector's sight: it would walk it each time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter, config):
    if count := config.stash.get(_left_out, 0):
        terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} browser tests were NOT run: there is no Chromium here.")
        terminalreporter.line(browser.HOW_TO_GET_IT)
