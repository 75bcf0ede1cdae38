"""The files that people copy are ones that the agent takes, and say the truth about the defaults."""

from pathlib import Path

from agent.core.config import RoomConfig, parse_room
from agent.core.identity import parse_identity

FOLDER = Path(__file__).resolve().parents[2] / "firmware-config"


def test_the_room_file_is_taken_and_its_values_are_the_defaults() -> None:
    text = (FOLDER / "room.default.toml").read_text(encoding="utf-8")
    room = parse_room(text, "room.default.toml", json_document=False)
    default = RoomConfig()
    for section in ("site", "headcount", "reporting"):
        assert getattr(room, section) == getattr(default, section), section
    assert room.power.button == default.power.button
    assert room.power.led == default.power.led
    assert room.power.restore == default.power.restore
    assert room.camera.model_copy(update={"check": ""}) == default.camera


def test_the_room_file_names_every_option() -> None:
    text = (FOLDER / "room.default.toml").read_text(encoding="utf-8")
    room = parse_room(text, "room.default.toml", json_document=False)
    models = [room.site, room.power, room.power.button, room.power.loads[0], room.camera, room.headcount]
    for model in [*models, room.reporting]:
        for key in type(model).model_fields:
            assert key in text, f"{key} is not explained"


def test_the_identity_file_is_taken() -> None:
    text = (FOLDER / "agent.example.toml").read_text(encoding="utf-8")
    assert parse_identity(text, "agent.example.toml").site == "chi-linh"
