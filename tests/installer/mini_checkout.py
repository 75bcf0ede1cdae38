"""A checkout in small: every kind of file that a release is made of, a lock of one tiny package, seconds to install.

Its wheel is made by a backend of its own, so that neither setuptools nor a network is needed; pip, the system's Python
and the virtual environment are the real ones.
"""

import base64
import hashlib
import zipfile
from pathlib import Path

from agent.installer import locks

# PEP 517's hook, in the package itself: a wheel is an archive with a RECORD.
BACKEND = """
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from wheel_of import write
def build_wheel(folder, config_settings=None, metadata_directory=None):
    files = {str(path): path.read_text() for top in ("agent", "hw") for path in pathlib.Path(top).glob("*.py")}
    return write(pathlib.Path(folder), "diemcau", "1.2.3", files, script="diemcau = agent:main").name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["agent"]
[project]
name = "diemcau"
version = "1.2.3"
"""


def write(
    folder: Path, name: str, version: str, files: dict[str, str], script: str = "", tag: str = "py3-none-any"
) -> Path:
    """A wheel of these files."""
    about = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **({f"{about}/entry_points.txt": f"[console_scripts]\n{script}\n"} if script else {}),
    }
    record = [f"{path},sha256={_url_digest(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,"]) + "\n"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in content.items():
            archive.writestr(zipfile.ZipInfo(each), text)
    return path


def make(folder: Path, wheels: Path) -> Path:
    """The checkout, and the one package that it needs in ``wheels``."""
    wheels.mkdir(parents=True, exist_ok=True)
    tiny = write(wheels, "tiny", "1.0", {"tiny.py": "WORD = 'tiny works'\n"})
    pin = f"tiny==1.0 \\\n    --hash=sha256:{hashlib.sha256(tiny.read_bytes()).hexdigest()}\n"
    texts = {
        "pyproject.toml": PROJECT,
        "README.md": "what it is\n",
        "LICENSE": "whose it is\n",
        "agent/__init__.py": "import tiny\ndef main():\n    print(tiny.WORD)\n",
        "agent/backend.py": BACKEND,
        "agent/wheel_of.py": Path(__file__)
        .read_text(encoding="utf-8")
        .replace("from agent.installer import locks\n", ""),
        "agent/__pycache__/old.pyc": "not to be taken along",
        "hw/__init__.py": "",
        "systemd/diemcau-agent.service": "[Service]\n",
        "firmware-config/broker/acl": "rights\n",
        **{f"{locks.PLACE}/{name}.txt": pin for name in ("box", "centre", "build")},
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _url_digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
