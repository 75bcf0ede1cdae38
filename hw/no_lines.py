"""The pin factory of a machine without a GPIO chip: every pin is refused with the reason, the rest runs."""

from typing import Any

from gpiozero import PinError
from gpiozero.pins import Factory


class NoLines(Factory):  # type: ignore[misc]  # gpiozero has no types
    """Refuses every pin. ``reason`` is the sentence that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def reserve_pins(self, requester: Any, *names: Any) -> None:
        """The first thing that every gpiozero device asks for. Raises PinError."""
        raise PinError(self._reason)

    def pin(self, name: Any) -> Any:
        """Raises PinError."""
        raise PinError(self._reason)

    def close(self) -> None:
        """Nothing to let go of."""
