import re
import tomllib

import pytest

from openoutcry.cli.entry import COMMANDS

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md")


def _documents(root):
    return [*(root / name for name in DOCUMENTS), *sorted((root / "memory-bank").rglob("*.md"))]


def _canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_tech_md_has_a_line_for_every_dependency_and_none_else(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    groups = [project["project"]["dependencies"], *extras, *project["dependency-groups"].values()]
    declared = {_canonical(re.match(r"[\w.-]+", each)[0]) for group in groups for each in group}
    text = (root / "memory-bank/tech.md").read_text()
    python = text[text.index("## Python, at run time") : text.index("## Rust")]
    listed = set()
    for row in re.findall(r"^\| (.*) \|$", python, re.MULTILINE):
        cells = [cell.strip() for cell in row.split("|")]
        if set(cells[0]) == {"-"} or cells[0] in {"package", "extra"}:
            continue
        names = (cells[1] if len(cells) == 5 else cells[0]).removesuffix(", pinned exactly")
        listed |= {_canonical(name.strip()) for name in names.split(",")}
    assert listed == declared


def test_tech_md_has_a_line_for_every_crate(root):
    text = (root / "memory-bank/tech.md").read_text()
    for path in root.glob("rust-core/*/Cargo.toml"):
        manifest = tomllib.loads(path.read_text())
        crates = {**manifest.get("dependencies", {}), **manifest.get("dev-dependencies", {})}
        for name in crates:
            assert f"| {name} " in text or name.startswith("openoutcry"), f"{name} of {path.parent.name}"


def test_the_index_of_decisions_is_whole(root):
    folder = root / "memory-bank/decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\]\((\d{4}-[^)]*)\)", (folder / "README.md").read_text()) == records
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(1, len(records) + 1)]


def test_every_decision_says_why_what_else_and_what_follows(root):
    for path in (root / "memory-bank/decisions").glob("[0-9]*.md"):
        headings = re.findall(r"^## (.*)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Alternatives", "Consequences"], path.name


def test_links_lead_somewhere(root):
    for document in _documents(root):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.relative_to(root)}: {target}"


def test_files_that_the_architecture_names_exist(root):
    text = (root / "memory-bank/architecture.md").read_text()
    walks = text[text.index("## Life of a tick") : text.index("## Modes")]
    named = set(re.findall(r"`((?:[a-z_-]+/)+[a-z0-9_]+\.(?:py|rs))`", walks))
    assert len(named) > 25
    missing = [
        name for name in named if not ((root / "python/openoutcry" / name).exists() or (root / name).exists())
    ]
    assert missing == []


@pytest.mark.parametrize(("name", "target"), COMMANDS.items())
def test_the_readme_lists_every_command(root, name, target):
    assert f"| `openoutcry {name}` |" in (root / "README.md").read_text(), target


def test_the_readme_shows_the_example_plugin_as_it_is(root):
    readme = (root / "README.md").read_text()
    shown = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    example = root / "examples/openoutcry-example-plugin/src/openoutcry_example_plugin/new_high.py"
    assert shown == example.read_text()


def test_nothing_depends_on_where_it_was_written(root):
    for document in _documents(root):
        text = document.read_text()
        assert not re.search(r"/work/|/root/|issue #?\d|pypi\.org|crates\.io", text), document
