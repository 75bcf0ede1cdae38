"""Types of the command line's options."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number in a range. click alone lets ``nan`` through, which is neither below nor above anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Fails with click's own sentence otherwise."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number
