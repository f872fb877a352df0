import ast
from pathlib import Path

import pytest

import openoutcry

PACKAGE = Path(openoutcry.__file__).parent
MAKER = PACKAGE / "risk_management" / "review.py"


def makers(source: str) -> list[int]:
    """Lines on which an `Approved` is made: called by any name it was imported as, or decoded by type."""
    tree = ast.parse(source)
    names = {"Approved"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.name == "Approved" and alias.asname}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id in names)
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "Approved")
        or (
            any(isinstance(argument, ast.Name) and argument.id in names for argument in call.args)
            and not (isinstance(call.func, ast.Name) and call.func.id in {"isinstance", "issubclass", "type"})
        )
    ]


def test_only_the_review_makes_an_approval():
    found = {path: makers(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {path for path, lines in found.items() if lines} == {MAKER}


@pytest.mark.parametrize(
    "source",
    [
        "Approved(id='x')",
        "from openoutcry.domain.orders import Approved as A\nA(id='x')",
        "from openoutcry.domain import orders\norders.Approved(id='x')",
        "msgspec.convert({}, Approved)",
        "object.__new__(Approved)",
    ],
)
def test_the_scan_sees_every_way_of_making_one(source):
    assert makers(source)


@pytest.mark.parametrize(
    "source", ["isinstance(x, Approved)", "def f(x: Approved): ...", "match x:\n  case Approved(): pass"]
)
def test_the_scan_lets_users_be(source):
    assert not makers(source)
