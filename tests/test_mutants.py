"""The mutants that tests/mutants.py makes; running tests against them is left to that script."""

import ast
from pathlib import Path

import mutants
import pytest

CHANGES = {
    "comparison": [
        ("a < b", {"a <= b"}),
        ("a == b", {"a != b"}),
        ("a is not None", {"a is None"}),
        ("a in b", {"a not in b"}),
        ("0 < a <= b", {"0 <= a <= b", "0 < a < b"}),
    ],
    "arithmetic": [
        ("a + b", {"a - b"}),
        ("a * b", {"a / b"}),
        ("-a ** b", {"(a * b)"}),
        ("a += b", {"a -= b"}),
        ("'a' + b", set()),
    ],
    "constant": [
        ("0", {"1"}),
        ("1", {"2"}),
        ("0.5", {"0.75"}),
        ("0.0", {"1.0"}),
        ("True", {"False"}),
        ("None", set()),
        ("'text'", set()),
    ],
    "one dropped": [("n + 1", {"n"}), ("n - 1", {"n"}), ("n + 2", set()), ("n * 1", set())],
    "logic": [("a and b or c", {"((a and b) and c)", "(a or b)"})],
    "condition": [
        ("if a: b", {"not a"}),
        ("while not a: b", {"a"}),
        ("a if b > c else d", {"not b > c"}),
        ("[a for a in b if a]", {"not a"}),
        ("if a == b: c", set()),  # a comparison already
    ],
    "call removed": [("f(a)", {"pass"}), ("b = f(a)", set())],
    "arguments": [
        ("f(a, b)", {"f(b, a)"}),
        ("f(a, a)", set()),
        ("f(a, b, c)", set()),
        ("f(a, *b)", set()),
        ("np.maximum(a, b)", set()),
        ("isinstance(a, b)", set()),
    ],
    "early return": [
        ("def f():\n    g()\n    h()", {"return\n    h()"}),
        (
            "def f():\n    g()\n    for a in b:\n        h()",
            {"return\n    for a in b:\n        h()"},
        ),
        ("def f():\n    g()\n    return h()", set()),
        ("def f():\n    g()", set()),
    ],
    "function": [
        ("def f(z):\n    yield np.add, z, 1, z", {"np.subtract"}),
        ("np.maximum(a, b, out=c)", {"np.minimum"}),
        ("math.log(a)", set()),
    ],
}


def found(source, operator=None):
    """Return what the code of mutants is changed to."""
    wanted = mutants.OPERATORS if operator is None else [operator]
    return {m.after for m in mutants.mutants_of(source.encode()) if m.operator in wanted}


def test_every_operator_has_an_example():
    assert CHANGES.keys() == mutants.OPERATORS.keys()


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [(name, *change) for name, changes in CHANGES.items() for change in changes],
)
def test_operators(operator, source, expected):
    assert found(source, operator) == expected


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """1 + 1 < 2."""',
        "def f(a: g(1, 2)) -> h(1, 2): ...",
        "a: b[1] | c[2]",
        "raise ValueError('too few', 1 + n)",
        "message = f'{n + 1} of {max(1, n)}'",
        "@dataclass(frozen=True)\nclass A: ...",
    ],
)
def test_what_readers_alone_are_told_is_left_alone(source):
    assert found(source) == set()


def test_warnings_are_left_out_whole():
    assert found("warnings.warn(f'{n + 1} rows', UserWarning, stacklevel=1 + 1)") == {"pass"}


def test_mutants_are_placed_by_bytes_and_leave_the_rest_as_it_is():
    source = "# Größe\nµ = f(  'ß', n <\n    1)  # unverändert\n".encode()
    [mutant] = [m for m in mutants.mutants_of(source) if m.operator == "comparison"]
    changed = mutant.applied(source).decode()
    assert changed == "# Größe\nµ = f(  'ß', n <= 1)  # unverändert\n"
    assert mutant.line == 2
    assert str(mutant) == ":2  comparison: n < 1  ->  n <= 1"


@pytest.mark.parametrize("file", ["skae/penalties.py", "skae/_training/objective.py"])
def test_mutants_of_the_package_are_programs_and_differ_from_it(file):
    source = (mutants.ROOT / file).read_bytes()
    original = ast.dump(ast.parse(source))
    made = mutants.mutants_of(source, file)
    assert len(made) > 30
    for mutant in mutants.choose(made, 30, seed=0):
        assert ast.dump(ast.parse(mutant.applied(source))) != original
        assert source.splitlines()[mutant.line - 1].strip()


def test_the_seed_chooses_and_operators_take_turns():
    made = mutants.mutants_of((mutants.ROOT / "skae/penalties.py").read_bytes())
    first, again, other = (mutants.choose(made, 20, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first == sorted(first, key=lambda mutant: mutant.start)
    assert {m.operator for m in first} == {m.operator for m in made}
    assert len(mutants.choose(made, 10**6, 0)) == len(made)


def test_test_files_mirror_source_files():
    assert mutants.mirrored_test("skae/_network/nested.py") == "tests/network/test_nested.py"
    assert mutants.mirrored_test("skae/plotting/_code.py") == "tests/plotting/test_code.py"
    assert mutants.mirrored_test("skae/_base.py") == "tests/test_base.py"
    assert mutants.mirrored_test("skae/losses.py") == "tests/test_losses.py"


def test_the_mirrored_file_runs_first_and_no_file_twice():
    found = mutants.stages(mutants.ROOT, "skae/_base.py", None)
    assert found[0] == ["tests/test_base.py"]
    assert "tests/test_base.py" not in found[1]
    assert mutants.stages(mutants.ROOT, "skae/_version.py", ["a.py"]) == [["a.py"]]


def test_tests_that_run_by_default_exist():
    lists = [mutants.ESTIMATOR_TESTS, *mutants.FURTHER_TESTS.values()]
    for test in {test for tests in lists for test in tests}:
        assert Path(mutants.ROOT, test).exists(), test
