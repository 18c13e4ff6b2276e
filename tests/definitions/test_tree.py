"""What no file of the project may hold."""

import re
import subprocess
from pathlib import Path

import pytest

from revenue_pipeline.paths import PROJECT_ROOT

# Written so that this file does not match itself.
FORBIDDEN = {
    "address of a package registry": re.compile(
        r"py[p]i\.(org|python)|pythonhoste[d]\.org|npmj[s]\.org|--(extra-)?index-ur[l]|--trusted-hos[t]"
    ),
    "path of one machine": re.compile(r"(?<![\w.])/(home|User[s])/\w|(?<![\w.])/(roo[t]|wor[k])/"),
    "private key": re.compile(r"-----BEGI[N] [A-Z ]*PRIVATE KEY"),
}


def tracked_files() -> list[Path]:
    """Files of the project as git knows them; without git, those that are not generated."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  whichever git the developer has
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
        return [path for name in names if (path := PROJECT_ROOT / name).is_file()]
    generated = {".venv", ".revenue", ".git", "target", "__pycache__", "build", "dist"}
    return [
        path
        for path in PROJECT_ROOT.rglob("*")
        if path.is_file() and not generated & set(path.relative_to(PROJECT_ROOT).parts)
    ]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds_the(what):
    found = [
        f"{path.relative_to(PROJECT_ROOT)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]

    assert found == []


def test_the_lock_pins_every_package_with_a_hash():
    text = (PROJECT_ROOT / "requirements.lock").read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry and entry[0] != "#"]

    assert len(entries) > 100
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_decision_is_listed_and_named_in_no_other_way():
    folder = PROJECT_ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))

    assert pages == sorted(re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", index))


def test_every_link_between_documents_leads_somewhere():
    broken = [
        f"{page.relative_to(PROJECT_ROOT)}: {target}"
        for page in tracked_files()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_every_page_that_code_refers_to_exists():
    """A page may be named by its number alone: docs/decisions/0002."""
    missing = [
        f"{path.relative_to(PROJECT_ROOT)}: {page}"
        for path in tracked_files()
        if path.suffix in {".py", ".sql", ".yml", ".yaml", ".csv", ".toml", ".md"}
        for page in re.findall(r"(?<![\w/])docs/[\w/-]+(?:\.md)?", path.read_text())
        if not list(PROJECT_ROOT.glob(f"{page.rstrip('/')}*"))
    ]

    assert missing == []
