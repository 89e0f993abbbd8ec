"""Loaded before Django's settings: what a test run needs from its environment, and what it lacks.

Without a Chromium the browser tests are left out, and the last lines of the run say so.
"""

import gc
import os
import random

import pytest

from portal import browser, embedded

os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests-only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1")
os.environ.setdefault("HTTPS", "off")
os.environ.setdefault("LOG_LEVEL", "WARNING")
# Tests connect as who makes databases, and take on the role that web and worker have.
os.environ.setdefault("DATABASE_ROLE", embedded.APPLICATION)

_left_out = pytest.StashKey[int]()
# Of two workers, neither may be left alone with these at the end. And what waits for the end of
# every transaction of the server is not to run beside a test that takes minutes in one.
_FIRST = {"supervisor", "faults", "browser", "horizon"}


def pytest_addoption(parser):
    parser.addoption(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="run files, and the tests of each file, in an order that depends on SEED",
    )
    parser.addoption(
        "--sites",
        action="store_true",
        help="plant the fault of tests/web/test_walls.py in every place, not only in a sample",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    _leave_out_what_needs_a_browser(config, items)
    by_file = {}
    for item in items:
        by_file.setdefault(item.path, []).append(item)
    files = list(by_file.values())
    seed = config.getoption("shuffle")
    if seed is not None:
        order = random.Random(seed)
        order.shuffle(files)
        for file in files:
            order.shuffle(file)
    elif hasattr(config, "workerinput"):
        files.sort(key=lambda file: not any(_is_slow(item) for item in file))
    items[:] = [item for file in files for item in file]


def _is_slow(item):
    return any(mark.name in _FIRST for mark in item.iter_markers())


def _leave_out_what_needs_a_browser(config, items):
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
