"""A mosquitto that serves somebody else already: it is left alone, or people are told what will change."""

import socket
from contextlib import suppress
from pathlib import Path

from agent.installer.centre_broker import BY_PASSWORD, LINK, LOCAL, SITES, is_up
from agent.installer.steps import InstallError
from agent.installer.world import World

BY_DEFAULT = 1883  # where mosquitto serves this machine as long as nobody has given it a listener
ESTABLISHED = "01"
# What in somebody else's configuration would change by ours, or ours by it: these count for all listeners.
FOR_ALL = ("listener", "port", "allow_anonymous", "acl_file", "password_file", "per_listener_settings", "plugin",
           "auth_plugin", "bridge", "connection")  # fmt: skip


def refuse_others(world: World) -> None:
    """A mosquitto that serves somebody else already is left alone, and so is whoever has our ports.

    Raises:
        InstallError: Says which line or port it is.
    """
    folder = world.path("/etc/mosquitto")
    for path in [folder / "mosquitto.conf", *sorted((folder / "conf.d").glob("*.conf"))]:
        if path == world.path(LINK):
            continue
        with suppress(OSError):
            if (line := of_others(path.read_text(encoding="utf-8", errors="replace"))) is not None:
                raise InstallError(
                    f"mosquitto trên máy này đã dùng cho việc khác / mosquitto serves something else here already: "
                    f"{path}: `{line}`; our rights would count for that too: take the line out, or use another machine"
                )
    if world.is_this_machine and not world.path(LINK).is_symlink():
        for port in (SITES, LOCAL, BY_PASSWORD):
            if not _is_free(port):
                raise InstallError(f"cổng {port} đã có chương trình khác dùng / port {port} is taken: ss -ltnp")
        if is_up(world) and has_guests(BY_DEFAULT):
            raise InstallError(
                f"mosquitto trên máy này đang phục vụ cổng {BY_DEFAULT} / mosquitto serves port {BY_DEFAULT} here, as "
                "it does without a configuration, and would not any more: take those programs away from it "
                f"(ss -tnp sport = :{BY_DEFAULT}), or use another machine"
            )


def warnings(world: World) -> list[str]:
    """What people should hear before a mosquitto that is there becomes the centre's."""
    if not world.is_this_machine or world.path(LINK).is_symlink() or not is_up(world):
        return []
    return [
        f"mosquitto đang chạy: cổng {BY_DEFAULT} của nó sẽ đóng / mosquitto runs here already, without a listener of "
        f"its own: its port {BY_DEFAULT} on this machine closes, {SITES}, {LOCAL} and {BY_PASSWORD} open"
    ]


def of_others(text: str) -> str | None:
    """The first line of a mosquitto configuration that does not go together with ours; None: there is none. Pure."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and line.split()[0] in FOR_ALL), None)


def has_guests(port: int) -> bool:
    """Whether anybody is connected to a port of this machine. Source: proc_net_tcp, local address and state."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in Path("/proc/net", name).read_text().splitlines()[1:]]
            if any(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows):
                return True
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            end.bind(("0.0.0.0", port))  # noqa: S104 # asked, never listened on
        except OSError:
            return False
    return True
