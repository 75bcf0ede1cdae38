"""``diemcau``: the command line's root, and the exit codes: 0 done, 1 failed, 2 wrong use (``run``: 78).

click rather than typer, because ``run --simulate [SCRIPT]`` has an option with an optional value, which typer does not
offer.
"""

import logging
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.exceptions import NoArgsIsHelpError

from agent import __version__
from agent.console import complaints
from agent.console.centre_time import keep_local_time
from agent.console.journal import set_up_logging
from agent.console.options import FiniteRange
from agent.core.errors import AgentError

if TYPE_CHECKING:
    from agent.core.config import Zones

DONE, FAILED, WRONG_USE = 0, 1, 2
WRONG_FLAGS = 78  # EX_CONFIG of sysexits.h: the unit tells systemd not to try again

log = logging.getLogger("diemcau")


class Commands(click.Group):
    """Commands that are imported when they are asked for: the eye starts on a small box, with what it needs itself."""

    LATER: ClassVar = {
        "aim": "agent.console.site_commands",
        "backup": "agent.console.backup",
        "board": "agent.console.board_commands",
        "conference": "agent.console.conference_commands",
        "config": "agent.console.config_group",
        "demo": "agent.console.cli",
        "drill": "agent.console.drill",
        "identify": "agent.console.power_commands",
        "power": "agent.console.power_commands",
        "record": "agent.console.record",
        "recount": "agent.console.site_commands",
        "report": "agent.console.report.command",
        "restore": "agent.console.backup",
        "site": "agent.console.site_admin",
        "watch": "agent.console.cli",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, by name."""
        return sorted([*super().list_commands(ctx), *self.LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, or None."""
        module = self.LATER.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(module), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(__version__, prog_name="diemcau")
def cli() -> None:
    """The agent of one site of a video conference: one-button power, headcount, reports over MQTT."""


@cli.command()
@click.option("--config", default="/etc/diemcau/agent.toml", show_default=True, help="Identity file of this box.")
@click.option("--state", default="/var/lib/diemcau", show_default=True, help="Folder for what must survive a reboot.")
@click.option("--room", default=None, help="Room config of the very first start.  [default: /etc/diemcau/room.toml]")
@click.option(
    "--simulate",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[SCRIPT]",
    help="Simulate pins, USB and camera, by a script (TOML or JSON) or a built-in one. Enter presses the button.",
)
@click.option("--speed", default=1.0, type=FiniteRange(1, 1000), hidden=True)
def run(config: str, state: str, room: str | None, simulate: str | None, speed: float) -> int:
    """Run the agent of this site until SIGTERM. Stopping it moves no relay."""
    from agent.adapters.files import is_there
    from agent.bootstrap import RunOptions, run_agent

    set_up_logging()
    default = Path("/etc/diemcau/room.toml")
    room_file = Path(room) if room else default if is_there(default) else None
    return run_agent(RunOptions(Path(config), Path(state), room_file, simulate, speed))


@cli.command()
def eye() -> int:
    """Be the counting process. Started by systemd or by `diemcau run`, not by hand."""
    from agent.eye_bootstrap import run_eye

    set_up_logging()
    return run_eye()


@cli.command()
@click.option("--config", default="/etc/diemcau/agent.toml", show_default=True, help="Identity file to try.")
@click.option("--state", default="/var/lib/diemcau", show_default=True, help="Folder for what must survive a reboot.")
@click.option("--room", default=None, help="Room config to try.  [default: the one that the agent would start with]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(config: str, state: str, room: str | None, as_json: bool) -> int:
    """Kiểm tra hộp này / every check that a technician would make on this box; safe at any time, writes nothing.

    With sudo it sees what the service's user may do. Exit code 1: something has failed.
    """
    from agent.adapters.files import is_there
    from agent.console.examination import print_report
    from agent.doctor import examine

    default = Path("/etc/diemcau/room.toml")
    room_file = Path(room) if room else default if is_there(default) else None
    return print_report(examine(Path(config), Path(state), room_file, is_tried=room is not None), as_json)


@cli.command()
@click.argument("source")
@click.option(
    "--fps",
    type=FiniteRange(0.001, 1000),
    default=None,
    help="Folder: its frame rate (1). Video: how many frames a second to look at (all).",
)
@click.option(
    "--window",
    "window_s",
    type=FiniteRange(0, 3600),
    default=None,
    help="Seconds that one headcount is made from; 0: each frame by itself.  [default: 0 for one picture, else 90]",
)
@click.option("--zones", type=str, default=None, help="TOML file with `include` and `exclude` polygons.")
@click.option("--threshold", type=FiniteRange(0.1, 0.99), default=0.6, show_default=True, help="Least score of a face.")
@click.option(
    "--annotate",
    type=str,
    default=None,
    metavar="OUT",
    help="Write the picture (a sequence: a folder of them) with boxes, faces made unrecognisable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
def count(
    source: str,
    fps: float | None,
    window_s: float | None,
    zones: str | None,
    threshold: float,
    annotate: str | None,
    as_json: bool,
) -> int:
    """Count the people in SOURCE: a picture, a folder of pictures, a video file, or a camera (/dev/video0)."""
    from agent.console.count import Count, print_count, would_write_over
    from agent.core.config import Zones
    from agent.eye_bootstrap import open_counting

    if annotate is not None and would_write_over(Path(source), Path(annotate)):
        complain("--annotate would write over the pictures that are counted: name another place.")
        return WRONG_USE
    polygons = _zones(zones) if zones else Zones()
    counting = open_counting(source, fps, threshold, Path(annotate) if annotate else None, polygons)
    if window_s is None:
        window_s = 0.0 if counting.is_single else 90.0
    return print_count(Count(counting, window_s, threshold, polygons), as_json, complain)


def _zones(path: str) -> "Zones":
    from agent.adapters.config_store import read_document
    from agent.core.config import parse_zones

    return parse_zones(read_document(Path(path)), path)


def complain(sentence: str) -> None:
    """One sentence to standard error."""
    click.echo(f"diemcau: {sentence}", err=True)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point. Every error that is not a bug of ours is one sentence, without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        click.echo(cli.get_help(click.Context(cli, info_name="diemcau")), err=True)
        sys.exit(WRONG_USE)
    if arguments[0] in Commands.LATER:
        keep_local_time()
    try:
        code = cli.main(arguments, prog_name="diemcau", standalone_mode=False)
    except NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
        code = WRONG_USE
    except click.UsageError as error:
        complain(complaints.of_use(error))
        code = WRONG_FLAGS if arguments[:1] == ["run"] else WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        code = 130  # what a shell says for Ctrl-C
    except AgentError as error:
        complain(complaints.of_agent(error))
        code = FAILED
    except BrokenPipeError:
        sys.stderr.close()  # the reader left (`| head`): nobody to complain to
        code = FAILED
    except OSError as error:
        if arguments[0] == "run":
            raise  # a service's journal wants the whole story
        complain(complaints.of_disk(error))
        code = FAILED
    _leave(code or DONE)


def _leave(code: int) -> None:
    """End. A camera whose driver hangs has a thread that cannot be ended by the book: that would be an abort."""
    if any(thread.name == "camera" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
