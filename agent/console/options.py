"""Types of the command line's options."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agent.core.identity import BrokerSection

CENTRE = "/etc/diemcau/centre.toml"


class FiniteRange(click.FloatRange):
    """A number in a range. click alone lets ``nan`` through, which is neither below nor above anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails with click's own sentence otherwise."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class SiteId(click.types.StringParamType):
    """A site's id: refused here, before it becomes a part of a topic."""

    name = "site"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id. Fails with one sentence otherwise."""
        from agent.core.errors import quoted
        from agent.core.identity import is_site_id

        if not is_site_id(str(value)):
            shown = quoted(str(value))
            self.fail(f"{shown}: a site id is words of a-z and 0-9 joined by -, at most 63 characters.", param, ctx)
        return str(value)


def broker_of(url: str | None, centre: str) -> "BrokerSection":
    """The broker by its address, or else by the centre's file. Raises ConfigError, or click's error for the address."""
    from agent.adapters.config_store import load_centre
    from agent.adapters.files import is_there
    from agent.core.errors import ConfigError
    from agent.core.identity import broker_at

    if not url:
        if centre == CENTRE and not is_there(Path(centre)):
            raise click.UsageError(f"which broker? Name it with --broker URL, or write {centre}.")
        return load_centre(Path(centre)).broker
    try:
        return broker_at(url)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
