"""Browser tests that cannot run are left out loudly, never quietly."""

import os
import subprocess
import sys

import pytest

from portal import browser
from portal.local import BASE_DIR


@pytest.fixture
def no_chromium(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path


def program(folder, name, *, code):
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_none_is_found_where_there_is_none(no_chromium):
    assert browser.find() is None


def test_a_browser_that_does_not_start_is_none(no_chromium):
    program(no_chromium, "chromium-browser", code=1)
    assert browser.find() is None


def test_the_first_that_starts_is_taken(no_chromium):
    program(no_chromium, "chromium", code=1)
    works = program(no_chromium, "google-chrome", code=0)
    assert browser.find() == works


def test_the_one_that_is_named_wins(no_chromium, monkeypatch):
    program(no_chromium, "chromium", code=0)
    named = program(no_chromium, "my-chromium", code=0)
    monkeypatch.setenv("CHROMIUM", named)
    assert browser.find() == named


def test_nothing_is_installed_by_an_ordinary_user(no_chromium, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.install() is False


def test_what_was_left_out_stands_at_the_end_of_the_run(tmp_path):
    story = tmp_path / "test_story.py"
    story.write_text(
        "import pytest\n"
        "@pytest.mark.browser\n"
        "def test_in_a_browser(): pass\n"
        "def test_elsewhere(): pass\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "CHROMIUM"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider", story],
        cwd=BASE_DIR,
        env=env | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    last = done.stdout.strip().splitlines()[-5:]
    assert "1 browser tests were NOT run: there is no Chromium here." in last
    assert browser.HOW_TO_GET_IT in last
    assert "1 passed, 1 deselected" in last[-1]
