"""The tree keeps its promises: every module of `reviews` stands in exactly one layer."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Django looks for them by name; they belong to no layer and nothing imports them.
DJANGOS_OWN = {"reviews.apps", "reviews.migrations"}


def layers():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (each for each in contracts["contracts"] if each["type"] == "layers")
    return [
        {name.strip(" ()") for name in layer.replace("|", ":").split(":")}
        for layer in contract["layers"]
    ]


def modules():
    for path in sorted((ROOT / "reviews").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(module, package):
    return module == package or module.startswith(f"{package}.")


def test_every_module_stands_in_exactly_one_layer():
    names = [name for layer in layers() for name in layer]
    for module in modules():
        if any(within(module, own) for own in DJANGOS_OWN):
            continue
        # The package around a layer holds nothing itself.
        if any(within(name, module) and name != module for name in names):
            assert not imports_of(module), module
            continue
        assert len([name for name in names if within(module, name)]) == 1, module


def imports_of(package):
    text = (ROOT / package.replace(".", "/") / "__init__.py").read_text()
    return [line for line in text.splitlines() if line.startswith(("from ", "import "))]


def test_every_layer_is_there():
    there = {*modules(), "portal", "drugs"}
    assert {name for layer in layers() for name in layer} <= there
