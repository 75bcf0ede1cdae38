"""Debian's packages that are missing: from the network, or from the ``.deb`` files of a prepared folder."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.installer.steps import InstallError, Step
from agent.installer.wheels import DEBIAN_PACKAGE, WITHOUT_INTERNET
from agent.installer.world import PATIENCE_S, World, shown

# On its first day a machine often updates itself behind one's back: wait for dpkg's lock.
APT = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=600"]
INSTALL = [*APT, "install", "--no-install-recommends"]
UNATTENDED = {"DEBIAN_FRONTEND": "noninteractive"}
UNFINISHED = "/var/lib/dpkg/updates"


def steps(world: World, names: list[str], wheels: Path | None) -> list[Step]:
    """The step that installs ``names``; none where nothing is wanted or where no programs of that machine run."""
    return [_Packages(world, names, wheels)] if names and world.is_this_machine else []


def _advice(names: list[str]) -> str:
    """A prepared folder has pip; what else is missing has to be put there."""
    others = [name for name in names if name != DEBIAN_PACKAGE]
    return WITHOUT_INTERNET + (f", and in it the .deb files of {' '.join(others)}" if others else "")


class _Packages:
    def __init__(self, world: World, names: list[str], wheels: Path | None) -> None:
        self._world, self._names = world, names
        self._debs = sorted(wheels.glob("*.deb")) if wheels else []
        self._new = frozenset[str]()
        self._had_settings = frozenset[str]()  # without their programs: these stay as they were
        self.title = f"gói hệ thống / system packages: {', '.join(names)}"

    def is_done(self) -> bool:
        return set(self._names) <= self._in_state("installed")

    def lines(self) -> list[str]:
        return [shown(INSTALL + self._names) + (f"  # {len(self._debs)} .deb" if self._debs else "")]

    def do(self) -> None:
        before = self._in_state("installed")
        self._had_settings = self._in_state("config-files")
        if any(self._world.path(UNFINISHED).glob("[0-9]*")):
            # After a dpkg that was cut off, apt-get would only say to run this first.
            self._world.says(["env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--configure", "-a"], 1800.0)
        try:
            if self._debs:
                self._install_from_folder()
            else:
                # A source that is down need not be one that we want: whether it was shows in the next step.
                self._world.says([*APT, "update"], 600.0)
                self._world.run(INSTALL + self._names, PATIENCE_S, **UNATTENDED)
        except InstallError as error:
            raise InstallError(
                f"không cài được gói hệ thống / the system packages {' '.join(self._names)} could not be installed; "
                f"{_advice(self._names)}: {error}"
            ) from error
        finally:
            self._new = self._in_state("installed") - before

    def undo(self) -> None:
        """Only those that this run brought, dependencies included; none where something else needs one by now."""
        if not (new := self._new & self._in_state("installed")):
            return
        said = self._world.run([*APT, "--simulate", "remove", *sorted(new)])
        going = {line.split()[1] for line in said.splitlines() if line.startswith("Remv ")}
        if others := going - new:
            raise InstallError(f"{' '.join(sorted(others))} would go with them, so they stay")
        self._world.run([*APT, "remove", *sorted(new)], PATIENCE_S, **UNATTENDED)
        if ours := new - self._had_settings:
            self._world.run(["dpkg", "--purge", *sorted(ours)], PATIENCE_S, **UNATTENDED)

    def _install_from_folder(self) -> None:
        """As from a mirror of its own, so that apt takes what is missing and fits, and leaves the rest."""
        with tempfile.TemporaryDirectory() as name:
            mirror = Path(name)
            for deb in self._debs:
                (mirror / deb.name).symlink_to(deb.resolve())
            (mirror / "Packages").write_text("\n".join(self._index(mirror)), encoding="utf-8")
            (mirror / "lists").mkdir()
            (mirror / "only.list").write_text(f"deb [trusted=yes] file:{mirror} ./\n", encoding="utf-8")
            only = [f"Dir::Etc::sourcelist={mirror}/only.list", "Dir::Etc::sourceparts=-", "APT::Sandbox::User=root"]
            only += [f"Dir::State::lists={mirror}/lists", f"Dir::Cache={mirror}"]
            options = [word for option in only for word in ("-o", option)]
            self._world.run([*APT, *options, "update"])
            self._world.run([*INSTALL, *options, *self._names], PATIENCE_S, **UNATTENDED)

    def _index(self, mirror: Path) -> Iterator[str]:
        """A Packages file. Source: Debian's repository format."""
        for deb in self._debs:
            about = self._world.run(["dpkg-deb", "--field", deb]).strip()
            digest = hashlib.sha256(deb.read_bytes()).hexdigest()
            yield f"{about}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"

    def _in_state(self, wanted: str) -> frozenset[str]:
        """The packages of this machine that dpkg calls so, by name. Raises InstallError: it is no Debian."""
        said = self._world.run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n"])
        return frozenset(
            name for name, _, state in (line.partition(" ") for line in said.splitlines()) if state == wanted
        )
