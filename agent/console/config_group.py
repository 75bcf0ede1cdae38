"""``diemcau config``: one group for the centre's commands and the box's, each imported when it is asked for."""

from importlib import import_module
from typing import ClassVar

import click


class Commands(click.Group):
    """The commands by name, with module and attribute; a command loads none of the others."""

    LATER: ClassVar[dict[str, tuple[str, str]]] = {
        "apply": ("agent.console.config_box", "apply"),
        "check": ("agent.console.config_commands", "check"),
        "diff": ("agent.console.config_commands", "diff"),
        "get": ("agent.console.config_commands", "get"),
        "history": ("agent.console.config_history", "history"),
        "log": ("agent.console.config_box", "history_here"),
        "push": ("agent.console.config_push_command", "push"),
        "schema": ("agent.console.config_commands", "schema"),
        "show": ("agent.console.config_box", "show"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, by name."""
        return sorted(self.LATER)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, or None."""
        if cmd_name not in self.LATER:
            return None
        module, name = self.LATER[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Commands)
def config() -> None:
    """Cấu hình phòng / a room's config: look at it, change it from a desk or on the box, who changed what."""
