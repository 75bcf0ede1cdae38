"""``python -m agent.installer.locks``: the newest versions that ``pyproject.toml`` allows, into the files beside it.

Needs the package index, for uv too, which is installed for the moment. Run the tests with what came out before it is
committed: ``tests/installer/test_locks.py`` compares the locks with ``pyproject.toml``.
"""

import re
import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

from agent.installer.locks import PLACE

CHECKOUT = Path(__file__).resolve().parents[3]
# A pin must hold on each of these, so that one version of a package serves all.
MACHINES = """[project]
name = "machines"
version = "0"
[tool.uv]
environments = ["sys_platform == 'linux' and implementation_name == 'cpython' and python_full_version < '3.14'"]
"""
COMPILE = ["pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--fork-strategy=fewest"]
COMPILE += ["--generate-hashes", "--only-binary=:all:", "--no-header", "--no-annotate"]
# colorzero names it, and imports nothing of it.
UNUSED = "--no-emit-package=setuptools"
# A machine without a desktop has no graphics libraries.
HEADLESS = re.compile(r"^opencv-python(?=\W)")
ANYWHERE = "# python -m agent.installer.locks\n"


def main() -> None:
    """Make all three. Raises CalledProcessError: there is no index, or no set of versions that fits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(MACHINES)
        venv.create(folder / "venv", with_pip=True)
        subprocess.run([folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
        wanted = project["project"]["dependencies"]
        more = [
            need for extra in ("centre", "postgresql") for need in project["project"]["optional-dependencies"][extra]
        ]
        _compile(folder, "build", ["pip", *project["build-system"]["requires"]])
        centre = _compile(folder, "centre", [*wanted, *more], UNUSED)
        _compile(folder, "box", wanted, UNUSED, "--constraint", centre)


def _compile(folder: Path, name: str, wanted: list[str], *more: str | Path) -> Path:
    """Write one lock."""
    asked, came = folder / f"{name}.in", CHECKOUT / PLACE / f"{name}.txt"
    asked.write_text("\n".join(HEADLESS.sub("opencv-python-headless", need) for need in wanted))
    argv = [folder / "venv/bin/uv", *COMPILE, *more, asked.name]
    text = subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout
    # A package that only one of the Pythons needs does no harm on the other.
    came.write_text(ANYWHERE + re.sub(r" ; .*(?= \\$)", "", text, flags=re.MULTILINE))
    return came


if __name__ == "__main__":
    main()
