"""The faults that are planted by hand (`.ci/planted.py`) still fit the rules."""

import importlib.util
import sys
from pathlib import Path

import pytest

CI = Path(".ci")


@pytest.fixture(scope="module")
def planted():
    spec = importlib.util.spec_from_file_location("planted", CI / "planted.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


def test_each_module_of_the_rules_has_a_fault_to_be_caught(planted):
    modules = {path.stem for path in planted.RULES.glob("*.py")}
    assert {fault.module for fault in planted.PLANTED} == modules - planted.DECIDES_NOTHING


def test_each_fault_can_be_planted(planted):
    for fault in planted.PLANTED:
        compile(fault.source, fault.module, "exec")
