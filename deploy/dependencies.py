"""Print what distributions need, without them: `dependencies.py shared[service] services/fer`.

Lets an image install dependencies in a layer of their own, which a change of code leaves alone.
"""

import re
import sys
import tomllib
from pathlib import Path


def dependencies(folder: str) -> list[str]:
    """List the requirements of a distribution and of one of its extras, `folder[extra]`.

    Those on other parts of Moodcue are left out, and a package of which the extra brings the build
    for GPUs: both have the same files.
    """
    path, _, extra = folder.rstrip("]").partition("[")
    project = tomllib.loads((Path(path) / "pyproject.toml").read_text())["project"]
    added = project["optional-dependencies"][extra] if extra else []
    replaced = [name for name, found, _ in (each.partition("-gpu") for each in added) if found]
    needed = [each for each in project["dependencies"] if _name(each) not in replaced] + added
    return [requirement for requirement in needed if not requirement.startswith("moodcue")]


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


if __name__ == "__main__":
    wanted = {requirement for folder in sys.argv[1:] for requirement in dependencies(folder)}
    print("\n".join(sorted(wanted)))
