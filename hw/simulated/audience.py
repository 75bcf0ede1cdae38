"""Who sits in a simulated room. Apart from the drawing, so that the agent's process can know it without OpenCV."""

from dataclasses import dataclass
from typing import Literal

Look = Literal["up", "down", "lean"]  # face shown, face down (hair only), leaning to the side with the face shown


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the hall.

    Attributes:
        seat: Index of the seat in `DrawnHall.seats`.
        identity: Chooses hair, skin, clothes and face shape; the same number (0 or more) is always the same person.
        look: ``up`` shows the face, ``down`` only the crown of the head, ``lean`` the face, tilted and to the side.
    """

    seat: int
    identity: int
    look: Look = "up"
