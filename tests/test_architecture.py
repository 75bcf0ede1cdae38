"""Who may import whom. Fails with the file's name, so that the rule explains itself to whoever breaks it."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"agent", "hw", "systemd", "firmware-config", "tests"}

# The rooms, from the outside in; the first that fits a module is its room.
ROOMS = {
    "agent.__main__": "main",
    "agent.bootstrap": "bootstrap",
    "agent.eye_bootstrap": "bootstrap",
    "agent.hardware_bootstrap": "bootstrap",
    "agent.room_parts": "bootstrap",
    "agent.speaking": "bootstrap",
    "agent.doctor": "bootstrap",
    "agent.installer": "installer",
    "agent.runtime": "runtime",
    "agent.core": "core",
    "agent.adapters": "adapters",
    "agent.console": "console",
    "hw": "hw",
    "agent": "agent",  # the package itself: its version
}
MAY_IMPORT = {
    "main": {"console", "bootstrap", "adapters", "core", "agent"},
    "bootstrap": {"runtime", "hw", "adapters", "core", "agent"},
    "runtime": {"core"},
    "console": {"core", "adapters", "agent"},
    "installer": {"core", "adapters"},
    "adapters": {"core"},
    "hw": {"core"},
    "core": set(),
    "agent": set(),
}
# What the core offers to those who touch things: never a machine.
FOR_ADAPTERS = {"commands", "config", "contract", "errors", "events", "identity", "ports", "parse"}
FOR_ADAPTERS |= {"config_choice", "config_document", "config_messages"}
# What the installer borrows.
FOR_THE_INSTALLER = {"agent.adapters.files", "agent.core.boot_levels"}
CORE_LIBRARIES = {"pydantic"}
# Standard library modules that touch nothing: no clock, no file, no thread, no chance.
CORE_STANDARD = {
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "functools",
    "hashlib",
    "ipaddress",
    "json",
    "math",
}
CORE_STANDARD |= {
    "operator",
    "re",
    "statistics",
    "tomllib",
    "typing",
    "urllib",
}  # urllib.parse: taking an address apart
TOUCHING_CALLS = {"open", "now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes", "urlopen"}

FOR_THE_CENTRE = {"sqlalchemy", "cryptography", "starlette", "uvicorn", "jinja2", "matplotlib", "argon2"}
SOURCES = sorted((*(ROOT / "agent").rglob("*.py"), *(ROOT / "hw").rglob("*.py")))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    return next((room for name, room in ROOMS.items() if module == name or module.startswith(name + ".")), None)


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports anywhere, also inside functions and for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add("relative import")
    return found


def loaded_at_start(path: Path) -> set[str]:
    """Modules that are imported when the file is imported: not those inside functions or for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def our_modules() -> set[str]:
    return {module_of(path) for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_point_inwards(path: Path) -> None:
    room = room_of(module_of(path))
    assert room is not None, f"{path} stands in no room"
    for imported in imports_of(path):
        other = room_of(imported)
        if other is not None and other != room:
            assert other in MAY_IMPORT[room], f"{path}: {room} may not import {imported} ({other})"


@pytest.mark.parametrize("path", [p for p in SOURCES if room_of(module_of(p)) == "core"], ids=module_of)
def test_the_core_knows_only_the_standard_library_and_pydantic(path: Path) -> None:
    for imported in imports_of(path):
        top = imported.partition(".")[0]
        assert top in {"agent", *CORE_LIBRARIES, *CORE_STANDARD}, f"{path}: the core touches nothing: {imported}"
        assert not imported.startswith("urllib.request"), f"{path} imports {imported}"
    for call in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        assert name not in TOUCHING_CALLS, f"{path}:{call.lineno}: the core touches nothing, but calls {name}()"


@pytest.mark.parametrize("path", [p for p in SOURCES if room_of(module_of(p)) == "installer"], ids=module_of)
def test_the_installer_needs_nothing_but_a_system_s_own_python(path: Path) -> None:
    """It runs before there is anything else: the standard library, and those few of ours that need no more."""
    for imported in imports_of(path):
        if imported.startswith("agent."):
            assert ".".join(imported.split(".")[:3]) in FOR_THE_INSTALLER or imported.startswith("agent.installer"), (
                f"{path} imports {imported}"
            )
        else:
            assert imported.partition(".")[0] in {"agent", *sys.stdlib_module_names}, f"{path} imports {imported}"


@pytest.mark.parametrize("path", [p for p in SOURCES if module_of(p) in FOR_THE_INSTALLER], ids=module_of)
def test_what_the_installer_borrows_needs_no_more(path: Path) -> None:
    assert {name.partition(".")[0] for name in imports_of(path)} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [p for p in SOURCES if room_of(module_of(p)) in ("hw", "adapters")], ids=module_of)
def test_adapters_take_words_from_the_core_and_never_a_machine(path: Path) -> None:
    for imported in imports_of(path):
        if imported.startswith("agent.core."):
            word = imported.split(".")[2]
            assert word in FOR_ADAPTERS, f"{path} imports the machine {imported}"


def test_opencv_is_loaded_only_where_pictures_are_and_databases_only_at_the_centre() -> None:
    """Starting the agent must not load OpenCV: its memory and its start belong to the eye. Nor what a centre needs."""
    loaded, waiting = set[str](), ["agent.__main__", "agent.bootstrap", "agent.console.cli", "hw.simulated.stage"]
    files = {module_of(path): path for path in SOURCES}
    while waiting:
        module = waiting.pop()
        if module in loaded or module not in files:
            continue
        loaded.add(module)
        names = loaded_at_start(files[module])
        assert "cv2" not in names, f"{module} loads OpenCV into the agent's process"
        assert not names & FOR_THE_CENTRE, f"{module} loads into the agent's process what only a centre needs"
        waiting += names | {name.rpartition(".")[0] for name in names}


def test_no_other_folder_stands_beside_the_given_ones() -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    folders = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert {folder for folder in folders if not folder.startswith(".")} <= TOP_LEVEL
