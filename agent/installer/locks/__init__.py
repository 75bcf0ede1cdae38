"""Which packages a release is made of: one version each and the digests of its files, for every machine alike.

``box.txt`` is a box's, ``centre.txt`` a centre's (the same versions, and more packages), ``build.txt`` what makes our
own wheel and installs the others. No line depends on the machine: each is installed on 64-bit Arm and x86-64, on Python
3.11 and 3.13, so a machine of one kind can fill a folder for another. ``python -m agent.installer.locks`` makes them.
"""

from pathlib import Path

PLACE = "agent/installer/locks"


def of_roles(checkout: Path, roles: frozenset[str]) -> Path:
    """The lock of a machine that is a ``box``, a ``centre`` or both."""
    return checkout / PLACE / ("centre.txt" if "centre" in roles else "box.txt")


def of_build(checkout: Path) -> Path:
    """The lock of pip and of what makes our wheel."""
    return checkout / PLACE / "build.txt"
