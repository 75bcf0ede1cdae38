"""What is a box's own: its identity, its room, the network that counts, what the system reads beside the program."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agent.installer import boot_text, config_txt, identity_files, identity_leftovers, model
from agent.installer.live_agent import AGENT, Units, refuse_in_conference
from agent.installer.options import Options
from agent.installer.release import Release
from agent.installer.steps import InstallError, Say, Step
from agent.installer.world import World, shown

# The last words where no service was started.
NOT_STARTED = "Đã cài, chưa khởi động / installed, not started: the services start with the next boot"
# What is about to be installed: where it goes, and how the program reads it.
READERS = {
    "identity": (identity_files.IDENTITY, "from agent.core.identity import parse_identity as read"),
    "room": (
        identity_files.ROOM,
        "from agent.core.config import parse_room; read = lambda *it: parse_room(*it, False)",
    ),
}
TRY = """
import sys
try:
    read(sys.stdin.buffer.read().decode(), sys.argv[1])
except Exception as error:
    sys.exit("; ".join(str(error).splitlines()))
"""


def steps(world: World, source: Path, new: Release, options: Options, say: Say) -> tuple[list[Step], list[Step]]:
    """What is done before the switch of the release, and after it.

    Raises:
        InstallError: A file that was given cannot be used.
    """
    room = None if _has_room(world) else options.room
    files = identity_files.steps(world, options.identity, room)
    before = Remembered(world, files, options)
    settings = [
        *model.steps(world, options.model, options.wheels, say),
        *_tried(world, new, options.identity, room),
        before,
        *files,
        *identity_leftovers.steps(world, options.identity),
        *boot_text.steps(world, source, room),
    ]
    return settings, [Taken(before)]


class Tried:
    """The new release reads a file before it takes the place of one that works. Nothing is changed.

    Args:
        world: Where; on another root nothing of it can be run, and nothing is tried.
        new: The release.
        kind: Of ``READERS``.
        text: The file's.
        given: Its name, for people.
    """

    def __init__(self, world: World, new: Release, kind: str, text: bytes, given: Path) -> None:
        self._world, self._kind, self._text, self._given = world, kind, text, given
        self._python = f"{new.path}/bin/python"
        self.title = f"đọc thử / try to read {given}"

    def is_done(self) -> bool:
        """It is in place already; or nothing can be tried."""
        place, _ = READERS[self._kind]
        with suppress(OSError):
            return not self._world.is_this_machine or self._world.path(place).read_bytes() == self._text
        return False

    def lines(self) -> list[str]:
        """Nothing that one would type."""
        return []

    def do(self) -> None:
        """Try. Raises InstallError: with all that is wrong with it."""
        program = f"{READERS[self._kind][1]}\n{TRY}"
        argv = [self._python, "-I", "-c", program, str(self._given)]
        try:
            self._world.run(argv, given=self._text.decode())
        except InstallError as error:
            raise InstallError(str(error).removeprefix(f"{shown(argv)}: ")) from error

    def undo(self) -> None:
        """Nothing was changed."""


def _tried(world: World, new: Release, identity: Path | None, room: Path | None) -> list[Step]:
    found: list[Step] = []
    if identity is not None:
        found.append(Tried(world, new, "identity", identity_files.read(world, identity).text, identity))
    if room is not None:
        found.append(Tried(world, new, "room", identity_files.read_room(room), room))
    return found


def _has_room(world: World) -> bool:
    """Whether the room runs with a config already, so that the one of the very first start is read no more."""
    return world.path(config_txt.LAST_GOOD).exists()


class Remembered:
    """Which agent runs before its files are replaced: it reads them once, at its start. This half of the pair comes
    before the files, so that when they are put back, the agent is started once more with what it had.

    Args:
        world: Where.
        files: Identity and room.
        options: Of the command line.
        systemd: Another one; for tests.
    """

    title = "định danh, phòng mới / a new identity or room"

    def __init__(self, world: World, files: Sequence[Step], options: Options, systemd: Units | None = None) -> None:
        self.systemd = systemd or Units(world)
        self._files, self._options = files, options
        self._is_running = options.is_started and (world.is_booted or systemd is not None)
        self.invocation = ""

    def is_done(self) -> bool:
        """No agent has to take anything."""
        return not self._is_running or all(file.is_done() for file in self._files)

    def lines(self) -> list[str]:
        """Its other half has them."""
        return []

    def do(self) -> None:
        """Remember. Raises InstallError: the room is in a conference."""
        if not self._options.is_during_conference:
            refuse_in_conference(self.systemd)
        seen = self.systemd.look(AGENT)
        self.invocation = seen.invocation if seen.is_up else ""

    def undo(self) -> None:
        """The files are as they were: have them taken again."""
        if self.invocation:
            self.systemd.restart(AGENT)


class Taken:
    """The agent that was there before is started again, if the switch has not done so. No relay moves."""

    title = "khởi động lại với tệp mới / the agent takes its new files"

    def __init__(self, before: Remembered) -> None:
        self._before = before

    def is_done(self) -> bool:
        """Another one runs, or none has run, or it has nothing to take."""
        before = self._before.invocation
        return not before or self._before.systemd.look(AGENT).invocation != before

    def lines(self) -> list[str]:
        """One command."""
        return [shown(["systemctl", "restart", AGENT])]

    def do(self) -> None:
        """Start it anew. Raises InstallError: it is not ready in time."""
        self._before.systemd.restart(AGENT)

    def undo(self) -> None:
        """The other half does."""


def announce(world: World, options: Options, say: Say) -> None:
    """What people should know before it happens."""
    if options.identity is not None:
        old, new = identity_files.site_of(world), identity_files.read(world, options.identity).site
        if old is not None and old != new:
            say(
                f"Hộp này đang là {old}, sẽ thành {new}; trung tâm sẽ không còn thấy {old}, dữ liệu chưa gửi của {old} "
                f"được cất lại trên hộp / this box is {old} now and becomes {new}; the centre hears of {old} no more, "
                f"and what {old} has not delivered stays on the box, put away, until the box is {old} again."
            )
    if options.room is not None and _has_room(world):
        apply = shown(["sudo", "diemcau", "config", "apply", options.room])
        say(
            f"Phòng đã có cấu hình, bỏ qua --room; đổi cấu hình bằng / the room has its config already ("
            f"{config_txt.LAST_GOOD}), so --room is passed over; to change it: {apply}"
        )


def is_reboot_wanted(steps: Sequence[Step]) -> bool:
    """Whether these change what the firmware reads."""
    return any(isinstance(step, config_txt.ConfigTxt) and not step.is_done() for step in steps)


def next_words(world: World, is_reboot_wanted: bool, is_started: bool) -> list[str]:
    """What to do next, for people."""
    found = []
    if not world.path(identity_files.IDENTITY).exists():
        found.append("Chưa có định danh / no identity yet, nothing reported: sudo ./install.sh --identity agent.toml")
    if config_txt.wiring(world, None) is None:
        found.append("Chưa có phòng / no room yet, so no button and no load: sudo ./install.sh --room room.toml")
    if is_reboot_wanted:
        found.append(
            "config.txt có hiệu lực từ lần khởi động sau, khi đó phòng sẽ tắt / counts from the next boot, which drops "
            "the room"
        )
    done = "Xong / done" if is_started else NOT_STARTED
    return [*found, f"{done}. Kiểm tra lại bất cứ lúc nào / look again at any time: sudo diemcau doctor"]
