"""The law of style that no linter knows. Each rule is a function from a file to its offences."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
RUST_TESTS = re.compile(r"rust-core/.*(/tests/|/tests\.rs$|_tests\.rs$)")  # tables of cases: twice the length
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LOCK_FILES = {"uv.lock", "Cargo.lock"}
BYTES = "rust-core/fuzz/seeds/"  # wire frames, some of them binary
TEXT_SUFFIXES = {
    *(
        ".py",
        ".pyi",
        ".rs",
        ".toml",
        ".md",
        ".yml",
        ".yaml",
        ".json",
        ".html",
        ".service",
        ".sh",
        ".txt",
        ".cfg",
    ),
    *("", ".conf", ".rules"),
}
# Put together here, so that this file does not break its own law.
REGISTRY_HOSTS = [
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("crates", ".io"),
        ("npm", "js.com"),
        ("npm", "js.org"),
    )
]
MARKS = re.compile("|".join((r"\bTO" + "DO", r"\bFIX" + "ME", r"\bX" + "XX\\b", r"\bHA" + r"CK\b")))
ISSUE_NUMBER = re.compile(
    r"\b(?:issue|pull request|PR|bug|fix|fixe|close|resolve)s? #\d+\b"
    r"|\b(?:issue|pull request|PR|bug) \d+\b|/(?:issues|pull)/\d+\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/[\w-]+")

# Where alone a library may be imported; the layers are import-linter's business.
HOMES = {
    "thespian": ("python/openoutcry/actors/", "tests/actors/", "tests/reference/"),
    "ccxt": ("python/openoutcry/exchanges/", "tests/exchanges/", "benches/peers/"),
    "openoutcry._core": ("python/openoutcry/native.py", "tests/native/"),
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return tuple(path for name in sorted(set(listed.split("\0")) - {""}) if (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and name_of(path).startswith(folders or ("",))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def offences(rule, paths) -> list[str]:
    return [
        f"{name_of(path)}:{line}: {what}" for path in paths for line, what in rule(path.read_text("utf-8"))
    ]


def long_python_functions(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield (
                    node.lineno,
                    f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES} fit on a screen",
                )


def long_rust_functions(source: str, most: int = MAX_FUNCTION_LINES) -> Iterator[tuple[int, str]]:
    """rustfmt puts a function's closing brace under the line that opens it."""
    lines = source.splitlines()
    for number, line in enumerate(lines, start=1):
        opening = re.match(
            r"( *)(?:pub(?:\([\w:]+\))? )?(?:const |async |unsafe |extern \"C\" )*fn (\w+)", line
        )
        if opening is None:
            continue
        closing = f"{opening[1]}}}"
        end = next(
            (at for at, text in enumerate(lines[number:], start=number + 1) if text == closing), number
        )
        if end - number + 1 > most:
            yield number, f"{opening[2]} has {end - number + 1} lines, at most {most} fit on a screen"


def long_files(source: str, most: int = MAX_FILE_LINES) -> Iterator[tuple[int, str]]:
    lines = source.count("\n")
    if lines > most:
        yield lines, f"{lines} lines; a file has one subject and at most {most}"


def leftover_marks(source: str) -> Iterator[tuple[int, str]]:
    yield from _matches(
        MARKS, source, "an unfinished thought; finish it or write it into memory-bank/active.md"
    )


def registry_hosts(source: str) -> Iterator[tuple[int, str]]:
    hosts = re.compile("|".join(re.escape(host) for host in REGISTRY_HOSTS))
    yield from _matches(hosts, source, "a package registry is the user's choice")


def issue_numbers(source: str) -> Iterator[tuple[int, str]]:
    yield from _matches(
        ISSUE_NUMBER, source, "say what was decided; numbers of a tracker are not ours to keep"
    )


def machine_paths(source: str) -> Iterator[tuple[int, str]]:
    yield from _matches(MACHINE_PATH, source, "a path of somebody's machine")


def _matches(pattern: re.Pattern[str], source: str, why: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), start=1):
        if found := pattern.search(line):
            yield number, f"{found[0]!r}: {why}"


def prints(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "print; log it, or let the command line show it"


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, with the names taken from it as modules too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def message_classes(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Message" for base in node.bases):
            yield node.lineno, node.name


def texts() -> list[Path]:
    return [
        path
        for path in tracked()
        if path.suffix in TEXT_SUFFIXES
        and path.name not in LOCK_FILES
        and not name_of(path).startswith(BYTES)
    ]


def rust_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".rs" and not RUST_TESTS.match(name_of(path))]


def rust_tests() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".rs" and RUST_TESTS.match(name_of(path))]


def test_the_repository_was_found():
    assert ROOT / "pyproject.toml" in tracked()
    assert len(python_files("python/")) > 50
    assert rust_files()
    assert rust_tests()


def test_no_file_is_named_after_nothing_in_particular():
    named = [
        name_of(path) for path in tracked() if BANNED_NAMES & set(re.split(r"[\W_]+", name_of(path).lower()))
    ]
    assert named == []


def test_a_function_fits_on_a_screen():
    assert offences(long_python_functions, python_files()) == []
    assert offences(long_rust_functions, rust_files()) == []
    assert offences(partial(long_rust_functions, most=2 * MAX_FUNCTION_LINES), rust_tests()) == []


def test_a_file_has_one_subject():
    assert offences(long_files, [*python_files(), *rust_files()]) == []
    assert offences(partial(long_files, most=2 * MAX_FILE_LINES), rust_tests()) == []


def test_only_the_command_line_prints():
    assert offences(prints, [path for path in python_files("python/") if "/cli/" not in name_of(path)]) == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library):
    elsewhere = [
        f"{name_of(path)}:{line}"
        for path in python_files()
        if not name_of(path).startswith(HOMES[library])
        for line, module in imports(path.read_text("utf-8"))
        if module == library or module.startswith(f"{library}.")
    ]
    assert elsewhere == []


def test_nothing_is_left_for_later():
    assert offences(leftover_marks, texts()) == []


def test_no_text_names_a_registry_a_tracker_or_a_machine():
    assert [
        offence
        for rule in (registry_hosts, issue_numbers, machine_paths)
        for offence in offences(rule, texts())
    ] == []


def test_a_message_class_has_a_name_of_its_own():
    classes = [
        (name, name_of(path))
        for path in python_files("python/")
        for _, name in message_classes(path.read_text("utf-8"))
    ]
    names = [name for name, _ in classes]
    assert len(names) > 20
    assert [each for each in classes if names.count(each[0]) > 1] == []


# The rules themselves: each is shown an offence and finds it.


@pytest.mark.parametrize(
    ("rule", "source", "line"),
    [
        (long_python_functions, "x = 1\ndef long():\n" + "    x = 1\n" * MAX_FUNCTION_LINES, 2),
        (long_rust_functions, "  pub(crate) fn long() {\n" + "    x();\n" * MAX_FUNCTION_LINES + "  }\n", 1),
        (long_files, "x = 1\n" * (MAX_FILE_LINES + 1), MAX_FILE_LINES + 1),
        (leftover_marks, "x = 1\n# TO" + "DO later\n", 2),
        (registry_hosts, "see https://py" + "pi.org/x", 1),
        (issue_numbers, "as in issue " + "#12", 1),
        (machine_paths, "cd /ho" + "me/somebody", 1),
        (prints, "if True:\n    print(1)\n", 2),
        (message_classes, "class Fill(Message, frozen=True):\n    pass\n", 1),
    ],
)  # fmt: skip
def test_a_rule_finds_what_it_forbids(rule, source, line):
    assert [found for found, _ in rule(source)] == [line]


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (long_python_functions, "def short():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1)),
        (long_rust_functions, "fn short() {\n" + "    x();\n" * (MAX_FUNCTION_LINES - 2) + "}\n"),
        (leftover_marks, "todos los precios\n"),
        (issue_numbers, "it issues 12 orders"),
        (machine_paths, "GET /api/work/x and ../home/y"),
        (prints, "console.print(1)\n"),
    ],
)
def test_a_rule_lets_pass_what_is_allowed(rule, source):
    assert list(rule(source)) == []


def test_an_import_is_found_in_each_of_its_forms():
    source = "import ccxt.pro\nfrom openoutcry import _core\nfrom ccxt import async_support as a\n"
    found = [module for _, module in imports(source)]
    assert {"ccxt.pro", "openoutcry._core", "ccxt"} <= set(found)
