import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
FOLDERS = ("docs", "services", "shared")


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(doc for name in FOLDERS for doc in (ROOT / name).rglob("*.md"))]


def links_within(document: Path) -> list[str]:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    return [link for link in links if not re.match(r"[a-z]+:", link)]


def anchors(document: Path) -> set[str]:
    """What GitHub lets links call the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_documents_leads_somewhere(document: Path) -> None:
    for link in links_within(document):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def reading_order() -> list[tuple[str, str]]:
    """The table of `Reading the code`: the folder of a package and a module, in their order."""
    section = ARCHITECTURE.read_text(encoding="utf-8").split("## Reading the code")[1]
    rows = re.findall(r"^\| \[`moodcue\w*`\]\((.+?)\) \| (.+) \|$", section, re.MULTILINE)
    return [(folder, module) for folder, order in rows for module in re.findall(r"`(\w+)`", order)]


@pytest.mark.parametrize(("folder", "module"), reading_order())
def test_the_reading_order_names_what_is_there(folder: str, module: str) -> None:
    package = ARCHITECTURE.parent / folder
    assert (package / f"{module}.py").is_file() or (package / module).is_dir()
