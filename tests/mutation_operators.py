"""The small mistakes that tests/mutants.py makes.

Each operator is given one node of a syntax tree and yields pairs: the node to replace, which is
the given one or lies in it, and its replacement, a node or a list of statements.
"""

import ast

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ORDERS = ast.Lt | ast.LtE | ast.Gt | ast.GtE
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
FUNCTIONS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "minimum": "maximum",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "sqrt": "square",
    "square": "abs",
}
SYMMETRIC = {"add", "array_equal", "logaddexp", "max", "maximum", "min", "minimum", "multiply"}
SYMMETRIC |= {"vdot"}
# With swapped arguments these raise an error in any test.
FAIL_AT_ONCE = {"asarray", "empty", "full", "ones", "zeros"}  # shape and dtype
FAIL_AT_ONCE |= {"getattr", "hasattr", "isinstance", "issubclass"}


def flip_comparison(node):
    """`a < b` becomes `a <= b`, `a == b` becomes `a != b`, `in` becomes `not in`."""
    if isinstance(node, ast.Compare):
        for i, old in enumerate(node.ops):
            ops = [*node.ops[:i], COMPARISONS[type(old)](), *node.ops[i + 1 :]]
            yield node, ast.Compare(node.left, ops, node.comparators)


def change_arithmetic(node):
    """`a + b` becomes `a - b`, `a *= b` becomes `a /= b`; strings are not added."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        op = ARITHMETIC[type(node.op)]()
        if isinstance(node, ast.AugAssign):
            yield node, ast.AugAssign(node.target, op, node.value)
        elif not (is_text(node.left) or is_text(node.right)):
            yield node, ast.BinOp(node.left, op, node.right)


def change_constant(node):
    """0 becomes 1, 1 becomes 2, 0.5 becomes 0.75, and True becomes False."""
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield node, ast.Constant(not value)
        elif isinstance(value, int):
            yield node, ast.Constant(value + 1)
        elif isinstance(value, float):
            yield node, ast.Constant(1.5 * value if value else 1.0)


def drop_one(node):
    """`n + 1` and `n - 1` become `n`."""
    is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    if is_sum and isinstance(node.right, ast.Constant) and node.right.value == 1:
        yield node, node.left


def change_logic(node):
    """`a and b` becomes `a or b`, and the reverse."""
    if isinstance(node, ast.BoolOp):
        op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, ast.BoolOp(op, node.values)


def negate_condition(node):
    """`if a` becomes `if not a`, as in `while`, conditional expressions and comprehensions."""
    tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else []
    tests += node.ifs if isinstance(node, ast.comprehension) else []
    for test in tests:
        if isinstance(test, ast.Compare) and not isinstance(test.ops[0], ORDERS):
            continue  # negated by `flip_comparison`
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield test, test.operand
        else:
            yield test, ast.UnaryOp(ast.Not(), test)


def remove_call(node):
    """A call whose value nobody uses becomes `pass`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, ast.Pass()


def swap_arguments(node):
    """`f(a, b)` becomes `f(b, a)`, unless f is known to be symmetric."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) != 2:
        return
    first, second = node.args
    name = ast.unparse(node.func).rpartition(".")[2]
    is_starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
    is_worth_it = name not in SYMMETRIC | FAIL_AT_ONCE and ast.dump(first) != ast.dump(second)
    if is_worth_it and not is_starred:
        yield node, ast.Call(node.func, [second, first], [])


def return_early(node):
    """A function that ends without a value returns before its last statement."""
    if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
        last = node.body[-1]
        ends = ast.Return | ast.Raise | ast.Pass | ast.FunctionDef | ast.ClassDef
        if not isinstance(last, ends):
            yield last, [ast.Return(), last]


def change_function(node):
    """`yield np.add, a, b, out` of a kernel becomes `yield np.subtract, a, b, out`."""
    function = None
    if isinstance(node, ast.Tuple) and node.elts:
        function = node.elts[0]
    elif isinstance(node, ast.Call):
        function = node.func
    is_numpy = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "np"
    if is_numpy and function.attr in FUNCTIONS:
        yield function, ast.Attribute(function.value, FUNCTIONS[function.attr])


OPERATORS = {
    "comparison": flip_comparison,
    "arithmetic": change_arithmetic,
    "constant": change_constant,
    "one dropped": drop_one,
    "logic": change_logic,
    "condition": negate_condition,
    "call removed": remove_call,
    "arguments": swap_arguments,
    "early return": return_early,
    "function": change_function,
}


def is_text(node):
    """Tell whether an operand is a string."""
    is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_string or isinstance(node, ast.JoinedStr)
