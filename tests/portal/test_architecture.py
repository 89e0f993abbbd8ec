"""The tree keeps its promises: every module of `reviews` stands in exactly one layer."""

import re
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


def test_the_page_on_the_architecture_names_what_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text()
    tree = page.split("```")[1]
    reviews = tree.split("reviews/  ")[1].split("\ntemplates/")[0]
    named = [(ROOT, name) for name in re.findall(r"^(\w+)/ ", tree, re.MULTILINE)]
    named += [
        (ROOT / "reviews", name.rstrip("/"))
        for line in re.findall(r"^  (\w\S*(?: \w\S*)*)  ", reviews, re.MULTILINE)
        for name in line.split()
    ]
    assert len(named) > 15
    assert [name for folder, name in named if not (folder / name).exists()] == []
    rooms = re.findall(r"\(rooms\) +([a-z_ ]+)\.\.\.", tree)[0].split()
    assert [name for name in rooms if not (ROOT / "reviews" / f"{name}.py").exists()] == []


def test_every_path_that_the_page_speaks_of_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text()
    paths = set(re.findall(r"`((?:reviews|drugs|docs|templates|portal)/[\w/.]+)`", page))
    inside = set(re.findall(r"`((?:views|forms|verbs|rules|api|fhir)/[\w/.]+)`", page))
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [
        path
        for path in inside
        if not any((ROOT / "reviews" / f"{path}{end}").exists() for end in ("", ".py"))
        and not (ROOT / "reviews" / f"{path.rsplit('.', 1)[0]}.py").exists()
    ] == []
