"""Mutation testing: change the package in one place at a time and see whether a test fails.

    python tests/mutants.py --files skae/_training/objective.py --count 60 --seed 0

Each mutant differs from the source by one small mistake, such as `<` for `<=` or a call left
out. It is killed if a test fails, and survives if all pass: then a test is missing, or the
mutant computes the same as the original. Read the survivors listed at the end one by one.

The mutants run in a temporary copy of the checkout, one after the other. First runs the test
file that mirrors the source file; if that passes, so do the tests given with `--tests`, by
default those of `default_tests`. The same files, count and seed give the same mutants.
Docstrings, messages, annotations and decorators are left alone.
"""

import argparse
import ast
from collections import Counter
from dataclasses import asdict, dataclass
import importlib.util
import json
import os
from pathlib import Path
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

from mutation_operators import OPERATORS

ROOT = Path(__file__).parents[1]
COPIED = ["skae", "tests", "docs", "pyproject.toml", "conftest.py", "README.md"]
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-m",
    "slow or not slow",
    "-x",
    "-q",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
]
NO_TESTS = 5  # pytest's exit code if it has collected none

# Quick ones first: a mutant is done with the first test that fails.
ESTIMATOR_TESTS = [
    "tests/network/test_network.py",
    "tests/test_base.py",
    "tests/test_transformer.py",
    "tests/test_denoising.py",
    "tests/network/test_nested.py",
    "tests/training/test_early_stopping.py",
    "tests/training/test_fit.py",
    "tests/test_outlier.py",
]
# By the start of the source file's path, where they are others.
FURTHER_TESTS = {
    "skae/plotting": ["tests/plotting"],
    "skae/_onnx": ["tests/onnx", "tests/test_export.py"],
    "skae/export": ["tests/onnx", "tests/test_export.py"],
    "skae/metrics": ["tests/test_metrics.py"],
}


# ---------------------------------------------------------------- mutants


@dataclass(frozen=True)
class Mutant:
    """One change of one file: bytes `start` to `stop` of it, `before`, become `after`."""

    file: str
    line: int
    operator: str
    start: int
    stop: int
    before: str
    after: str

    def applied(self, source):
        """Return the changed source, as bytes."""
        return source[: self.start] + self.after.encode() + source[self.stop :]

    def __str__(self):
        texts = self.before, self.after.replace("return\n", "return; ")
        before, after = (" ".join(text.split()) for text in texts)
        return f"{self.file}:{self.line}  {self.operator}: {before}  ->  {after}"


def nodes_to_change(node):
    """Yield the nodes of a tree, but for what is only told to readers or to type checkers."""
    yield node
    left_alone = []
    if isinstance(node, ast.JoinedStr | ast.Raise):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("warn"):
        return
    if isinstance(node, ast.FunctionDef):
        left_alone = [*node.decorator_list, node.returns]
    elif isinstance(node, ast.ClassDef):
        left_alone = node.decorator_list
    elif isinstance(node, ast.arg | ast.AnnAssign):
        left_alone = [node.annotation]
    for child in ast.iter_child_nodes(node):
        if child not in left_alone:
            yield from nodes_to_change(child)


def written(new, old):
    """Return a replacement as text for the place of the node that it replaces."""
    if isinstance(new, list):
        lines = "\n".join(ast.unparse(statement) for statement in new)
        return textwrap.indent(lines, " " * old.col_offset).lstrip()
    text = ast.unparse(new)
    is_power = isinstance(old, ast.BinOp) and isinstance(old.op, ast.Pow)
    if is_power or isinstance(new, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr):
        return f"({text})"
    return text


def mutants_of(source, file=""):
    """Return all mutants of a file's source, given as bytes."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in nodes_to_change(ast.parse(source)):
        for name, operator in OPERATORS.items():
            for old, new in operator(node):
                start = starts[old.lineno - 1] + old.col_offset
                stop = starts[old.end_lineno - 1] + old.end_col_offset
                before, after = source[start:stop].decode(), written(new, old)
                found.append(Mutant(file, old.lineno, name, start, stop, before, after))
    return found


def choose(mutants, count, seed):
    """Return `count` mutants, of every operator about as many, in the order of the source."""
    mutants = mutants.copy()
    random.Random(seed).shuffle(mutants)
    seen, ranked = Counter(), []
    for mutant in mutants:
        ranked.append((seen[mutant.operator], mutant))
        seen[mutant.operator] += 1
    ranked.sort(key=lambda pair: pair[0])
    chosen = [mutant for _, mutant in ranked[:count]]
    return sorted(chosen, key=lambda mutant: (mutant.file, mutant.start, mutant.after))


# ---------------------------------------------------------------- tests


def mirrored_test(file):
    """Return the path that the test file of a source file has, whether there is one or not."""
    folders = [part.removeprefix("_") for part in Path(file).parts[1:-1]]
    name = Path(file).stem.removeprefix("_")
    return Path("tests", *folders, f"test_{name}.py").as_posix()


def default_tests(file):
    """Return the tests that run if the mirrored file finds nothing."""
    for start, tests in FURTHER_TESTS.items():
        if file.startswith(start):
            return tests
    return ESTIMATOR_TESTS


def copy_checkout(folder):
    """Copy what the tests need into an empty folder."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(ROOT / name, folder / name)


def run_tests(folder, tests, seconds):
    """Return "survived" if all pass, "killed" or "timed out"; end what the tests have started."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    environment.pop("PYTEST_ADDOPTS", None)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [*PYTEST, *tests], cwd=folder, env=environment, start_new_session=True, **quiet
    )
    try:
        code = process.wait(max(seconds, 1))
    except subprocess.TimeoutExpired:
        return "timed out"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return "survived" if code in (0, NO_TESTS) else "killed"


def stages(folder, file, tests):
    """Return the lists of tests to run for a file, one after the other."""
    mirrored = mirrored_test(file)
    first = [mirrored] if (folder / mirrored).exists() else []
    further = [test for test in tests or default_tests(file) if test != mirrored]
    return [stage for stage in (first, further) if stage]


def judge(mutant, folder, tests, limit):
    """Run the tests against a mutant: "survived", "killed" or "timed out"."""
    path, started = folder / mutant.file, time.monotonic()
    source = path.read_bytes()
    try:
        replace_source(path, mutant.applied(source))
        for stage in stages(folder, mutant.file, tests):
            outcome = run_tests(folder, stage, limit - (time.monotonic() - started))
            if outcome != "survived":
                return outcome
        return "survived"
    finally:
        replace_source(path, source)


def replace_source(path, source):
    """Write a module's source, and forget its bytecode, which may look as new as the source."""
    path.write_bytes(source)
    Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)


# ---------------------------------------------------------------- the command


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", nargs="+", required=True, help="source files, as skae/_base.py")
    parser.add_argument("--count", type=int, default=60, help="how many mutants (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="which of them (default 0)")
    parser.add_argument("--tests", nargs="+", help="tests that run after the mirrored file")
    parser.add_argument("--limit", type=float, default=300, help="seconds a mutant (default 300)")
    parser.add_argument("--json", type=Path, help="write the outcomes to this file")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    return parser.parse_args(arguments)


def report(outcomes):
    """Print how many of each file's mutants were killed, and the survivors."""
    names = ["killed", "survived", "timed out"]
    width = max(len(mutant.file) for mutant, _ in outcomes)
    print(f"\n{'':{width}}" + "".join(f"{name:>11}" for name in names) + f"{'share killed':>14}")
    for file in [*dict.fromkeys(mutant.file for mutant, _ in outcomes), "all"]:
        counts = Counter(outcome for mutant, outcome in outcomes if file in (mutant.file, "all"))
        # Tests that hang do not pass either.
        share = 1 - counts["survived"] / counts.total()
        print(f"{file:{width}}" + "".join(f"{counts[n]:11}" for n in names) + f"{share:14.0%}")
    survivors = [mutant for mutant, outcome in outcomes if outcome == "survived"]
    print("\nSurvivors" if survivors else "\nNo survivors")
    for mutant in survivors:
        print(mutant)


def main():
    arguments = parse_arguments()
    files = [Path(os.path.relpath(file, ROOT)).as_posix() for file in arguments.files]
    mutants = [mutant for file in files for mutant in mutants_of((ROOT / file).read_bytes(), file)]
    chosen = choose(mutants, arguments.count, arguments.seed)
    print(f"{len(chosen)} of {len(mutants)} mutants, seed {arguments.seed}", flush=True)
    if arguments.list:
        print(*chosen, sep="\n")
        return
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_checkout(folder)
        wanted = dict.fromkeys(
            test for f in files for s in stages(folder, f, arguments.tests) for test in s
        )
        if run_tests(folder, list(wanted), float("inf")) != "survived":
            sys.exit("Without any mutant the tests do not pass: " + " ".join(wanted))
        for number, mutant in enumerate(chosen, 1):
            started = time.monotonic()
            outcome = judge(mutant, folder, arguments.tests, arguments.limit)
            outcomes.append((mutant, outcome))
            seconds = time.monotonic() - started
            print(f"[{number}/{len(chosen)}] {outcome}, {seconds:.0f} s  {mutant}", flush=True)
    report(outcomes)
    if arguments.json:
        found = [asdict(mutant) | {"outcome": outcome} for mutant, outcome in outcomes]
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
