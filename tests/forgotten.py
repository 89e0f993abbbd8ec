"""Faults of one kind: a list or a look-up that forgets to ask whose rows somebody may see."""

import ast
import gc
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple
from unittest.mock import patch

from reviews import access
from reviews.errors import NotFound
from reviews.models import Practice

ROOT = Path(__file__).resolve().parents[1]
ASKED = {"scope", "fetch", "practice_ids", "practices"}


class Site(NamedTuple):
    """A call that says whose rows are meant, by its file, line and column."""

    path: str
    line: int
    column: int
    asked: str

    def __str__(self):
        return f"{self.path}:{self.line} {self.asked}"


def sites():
    """Every call of `access` that narrows rows down, those inside `access` itself among them."""
    found = []
    for path in sorted((ROOT / "reviews").rglob("*.py")):
        tree = ast.parse(path.read_text())
        relative = str(path.relative_to(ROOT))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (asked := _asked(node, relative)):
                found.append(Site(relative, node.lineno, node.col_offset, asked))
    return sorted(found)


def _asked(call, path):
    """The function of `access` that is called, or None."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="access"), attr=name) if name in ASKED:
            return name
        case ast.Name(id=name) if path == "reviews/access.py" and name in ASKED:
            return name
    return None


@contextmanager
def forgetting(site):
    """Inside, the code of this site asks for everybody's rows instead."""
    before, after = _codes(site)
    gc.unfreeze()  # what was imported before the tests is out of its sight
    functions = [
        each
        for each in gc.get_objects()
        # Not isinstance: that would wake whatever is lazy.
        if type(each) is FunctionType and each.__code__ == before
    ]
    assert functions, site
    with patch.multiple(access, create=True, **EVERYBODYS):
        for function in functions:
            function.__code__ = after
        try:
            yield
        finally:
            for function in functions:
                function.__code__ = before


def _codes(site):
    """The code of the innermost function around the site: as it is, and with the fault."""
    path = ROOT / site.path
    tree = ast.parse(path.read_text())
    before = _innermost(compile(tree, str(path), "exec"), site)
    for node in ast.walk(tree):
        here = isinstance(node, ast.Call) and (node.lineno, node.col_offset) == site[1:3]
        if here and _asked(node, site.path) == site.asked:
            named = "attr" if isinstance(node.func, ast.Attribute) else "id"
            setattr(node.func, named, f"everybodys_{site.asked}")
    return before, _innermost(compile(tree, str(path), "exec"), site)


def _innermost(code, site):
    """The code of the innermost function around the site, inside this code; None for elsewhere.

    A comprehension is no function of its own: it is made anew whenever its function runs.
    """
    inside = (_innermost(each, site) for each in code.co_consts if isinstance(each, CodeType))
    if found := next(filter(None, inside), None):
        return code if found.co_name.startswith("<") else found
    places = ((line, column) for line, _, column, _ in code.co_positions())
    return code if (site.line, site.column) in places else None


def code_of(site):
    """The code in which the site is, as it is."""
    return _codes(site)[0]


def function_of(site):
    """The function in which the site is, by its name."""
    return code_of(site).co_qualname


def _scope(queryset, by, action):
    return queryset


def _fetch(queryset, by, action, **lookup):
    found = queryset.filter(**lookup).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def _practice_ids(by, action):
    return sorted(Practice.objects.values_list("pk", flat=True))


def _practices(by, action):
    return Practice.objects.order_by("name")


EVERYBODYS = {
    "everybodys_scope": _scope,
    "everybodys_fetch": _fetch,
    "everybodys_practice_ids": _practice_ids,
    "everybodys_practices": _practices,
}
