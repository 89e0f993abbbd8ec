"""Mutation check on the rules: small faults put into each module, and whether a test notices.

By hand, in two steps (docs/mutation.md): `make` draws mutants with Cosmic Ray, which lives in an
environment of its own; `run` tries them with the project's Python. A mutant is first held against
the worked examples, then against the tests in tests/rules that need no database.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

RULES = Path("reviews/rules")
# Tables and texts: their entries have tests of their own.
TABLES = {"sources", "condition_codes", "parameters", "conventions", "registry"}
OPERATORS = (
    *("ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add"),
    *("ReplaceBinaryOperator_Mul_Div", "ReplaceBinaryOperator_Div_Mul"),
    *("ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_BitOr_BitAnd"),
    *("ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_LtE_Lt"),
    *("ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_GtE_Gt"),
    *("ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq"),
    *("ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_IsNot_Is"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceUnaryOperator_Delete_Not", "AddNot", "NumberReplacer", "ZeroIterationForLoop"),
    *("ReplaceContinueWithBreak", "ReplaceBreakWithContinue"),
)
SLOW = (
    "test_promises",
    "test_oracle",
    "test_conventions",
    "test_command",
    "test_examples",
    "test_random_dossiers",
    "test_precedence",
    "test_unchanged",
    "test_laws",
)
MUTANT_SECONDS = 120
KILLED, SURVIVED = 0, 3


def make(arguments):
    """Draw up to `--each` mutants of every module, the same ones for the same seed."""
    from cosmic_ray import plugins  # noqa: PLC0415 - only here: the tool is in no lock file
    from cosmic_ray.ast import ast_nodes, get_ast  # noqa: PLC0415
    from cosmic_ray.mutating import mutate_code  # noqa: PLC0415

    drawn, held = [], {}
    for path in sorted(RULES.glob("*.py")):
        if path.stem in TABLES or path.stem == "__init__":
            continue
        code = path.read_text()
        nodes, places = list(ast_nodes(get_ast(code))), []
        for name in OPERATORS:
            operator = plugins.get_operator(f"core/{name}")()
            count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
            places += [(name, n) for n in range(count)]
        held[path.stem] = len(places)
        random.Random(f"{arguments.seed}/{path.stem}").shuffle(places)
        for n, (name, occurrence) in enumerate(places[: arguments.each]):
            operator = plugins.get_operator(f"core/{name}")()
            mutated = mutate_code(code, operator, occurrence)
            drawn.append([n, path.stem, name, occurrence, mutated])
    # Round by round, so that a run that is cut short has tried as many of every module.
    drawn.sort(key=lambda mutant: (mutant[0], mutant[1]))
    Path(arguments.file).write_text(json.dumps({"held": held, "drawn": drawn}))
    sys.stdout.write(f"{len(drawn)} of {sum(held.values())} mutants drawn\n")


class _Mutated(MetaPathFinder, Loader):
    """Imports one module of the rules from changed source."""

    def __init__(self, module, source):
        self.module, self.source = f"reviews.rules.{module}", source

    def find_spec(self, fullname, path, target=None):
        return ModuleSpec(fullname, self) if fullname == self.module else None

    def exec_module(self, module):
        # The project's own source, with one place changed.
        exec(compile(self.source, self.module, "exec"), module.__dict__)


def run(arguments):
    """Try the mutants until the time is up; a line for each survivor, then counts by module."""
    given = json.loads(Path(arguments.file).read_text())
    book = json.loads(Path(arguments.book).read_text())
    sys.path[0] = os.getcwd()
    if _try("words", (RULES / "words.py").read_text(), book):
        sys.exit("The tests do not pass on the unchanged rules: nothing was tried.")
    until = time.monotonic() + arguments.minutes * 60
    tried: dict[str, list[int]] = {}
    for _, module, operator, occurrence, source in given["drawn"]:
        if time.monotonic() > until:
            break
        killed = _try(module, source, book)
        counts = tried.setdefault(module, [0, 0])
        counts[0] += 1
        if not killed:
            counts[1] += 1
            where = _difference((RULES / f"{module}.py").read_text(), source)
            sys.stdout.write(f"SURVIVED {module} {operator} {occurrence}\n{where}\n")
            sys.stdout.flush()
    for module, (count, survived) in sorted(tried.items()):
        sys.stdout.write(f"{module}: {count} of {given['held'][module]}, {survived} survived\n")


def _try(module, source, book) -> bool:
    """In a process of its own: True when the mutant is noticed, or never ends."""
    child = os.fork()
    if not child:
        signal.alarm(MUTANT_SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, _Mutated(module, source))
        try:
            os._exit(SURVIVED if _examples_hold(book) and _tests_pass() else KILLED)
        except BaseException:
            os._exit(KILLED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != SURVIVED


def _examples_hold(data) -> bool:
    from reviews.rules.book import RuleBook  # noqa: PLC0415 - the mutant is imported in the child
    from reviews.rules.examples import EXAMPLES, judge  # noqa: PLC0415

    book = RuleBook.from_json(data)
    return all(
        judge(rule_id, example, profile, book).holds
        for rule_id, examples in EXAMPLES.items()
        for example in examples
        for profile in example.claims
    )


def _tests_pass() -> bool:
    return _pass(
        [
            str(path)
            for path in sorted(Path("tests/rules").glob("test_*.py"))
            if path.stem not in SLOW
        ]
    )


def _pass(files) -> bool:
    import pytest  # noqa: PLC0415

    alone = ["-c", os.devnull, "--rootdir", ".", "--confcutdir", "tests/rules", "-p", "no:django"]
    quiet = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    return pytest.main([*files, *alone, *quiet]) == pytest.ExitCode.OK


def _difference(before, after):
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return "\n".join(
        f"  {n}: - {old.strip()}\n  {n}: + {new.strip()}"
        for n, (old, new) in enumerate(lines, 1)
        if old != new
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make")
    making.add_argument("file")
    making.add_argument("--each", type=int, default=40)
    making.add_argument("--seed", default="1")
    making.set_defaults(command=make)
    running = commands.add_parser("run")
    running.add_argument("file")
    running.add_argument("--book", required=True, help="a published rule book as JSON")
    running.add_argument("--minutes", type=float, default=30)
    running.set_defaults(command=run)
    arguments = parser.parse_args()
    arguments.command(arguments)


if __name__ == "__main__":
    main()
