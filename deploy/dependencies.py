"""Print what distributions need, without them: `dependencies.py shared[service] services/fer`.

Lets an image install dependencies in a layer of their own, which a change of code leaves alone.
"""

import sys
import tomllib
from pathlib import Path


def dependencies(folder: str) -> list[str]:
    """List the requirements of a distribution and of one of its extras, `folder[extra]`.

    Those on other parts of Moodcue are left out.
    """
    path, _, extra = folder.rstrip("]").partition("[")
    project = tomllib.loads((Path(path) / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"]]
    if extra:
        needed += project["optional-dependencies"][extra]
    return [requirement for requirement in needed if not requirement.startswith("moodcue")]


if __name__ == "__main__":
    wanted = {requirement for folder in sys.argv[1:] for requirement in dependencies(folder)}
    print("\n".join(sorted(wanted)))
