"""The commands for people at the centre: ``watch`` and ``demo``."""

import click

from agent.console.options import CENTRE, FiniteRange, broker_of


@click.command()
@click.option(
    "--broker",
    default=None,
    metavar="URL",
    help="Address of the broker, e.g. mqtt://localhost:1883; plain for this machine only.",
)
@click.option("--centre", default=CENTRE, show_default=True, help="File with broker, ca, certificate and key.")
@click.option("--for", "for_s", type=FiniteRange(0.1), default=None, metavar="S", help="End after S seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each headcount report.")
def watch(broker: str | None, centre: str, for_s: float | None, as_json: bool) -> int:
    """Bảng trực tiếp các điểm cầu / live table of the sites (q or Ctrl-C ends it)."""
    import threading

    from agent.console.keys import Keys
    from agent.console.listener import Listener
    from agent.console.watch import Watch

    listener = Listener(broker_of(broker, centre))
    listener.start()
    try:
        done = threading.Event()
        with Keys(lambda key: done.set() if key == "quit" else None):
            Watch(listener, as_json, "diemcau — q thoát / quit").run(for_s, done.is_set)
    except KeyboardInterrupt:
        pass  # how one leaves a live table
    finally:
        listener.close()
    return 0


@click.command()
@click.option("--sites", default=14, show_default=True, type=click.IntRange(1, 300), help="How many rooms.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=FiniteRange(1, 1000),
    help="Above 1 the faces come from the script, not from the network.",
)
@click.option("--for", "for_s", type=FiniteRange(1), default=None, metavar="S", help="End after S seconds.")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Port of the broker on this machine.  [default: a free one]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each headcount report.")
def demo(sites: int, speed: float, for_s: float | None, port: int, as_json: bool) -> int:
    """Cả một hội nghị nhỏ trên máy này / a whole small conference on this machine."""
    from agent.console.demo import run_demo

    return run_demo(sites, speed, for_s, port, as_json)
