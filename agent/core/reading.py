"""Taking a command apart: whatever bytes come, a command or why it is none, and whom to tell."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agent.core.contract import MAX_PAYLOAD_BYTES, CommandMessage, refusal


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a message: ``why`` it is no command, where it is none. Without an id nobody can be told."""

    id: str | None
    command: CommandMessage | None
    why: str = ""


def read(raw: bytes) -> Reading:
    """Take a command apart. Stricter than JSON readers usually are: what two readers may take differently is none."""
    if len(raw) > MAX_PAYLOAD_BYTES:
        return Reading(None, None, f"larger than {MAX_PAYLOAD_BYTES} bytes")
    doubts: list[str] = []
    try:
        document = _document(raw, doubts)
    except (ValueError, RecursionError) as error:
        return Reading(None, None, f"this is not JSON: {str(error)[:120]}")
    if not isinstance(document, dict):
        return Reading(None, None, "an object is expected")
    try:
        command = CommandMessage.model_validate(document)
    except ValidationError as error:
        return Reading(_readable_id(document), None, refusal(error))
    return Reading(command.id, None if doubts else command, doubts[0] if doubts else "")


def _document(raw: bytes, doubts: list[str]) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            doubts.append("a key stands twice")
        return found

    def no_constant(name: str) -> None:
        doubts.append(f"{name} is no JSON")

    return json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)


def _readable_id(document: dict[str, Any]) -> str | None:
    try:
        whole = {"action": "-", "issued_by": "", "issued_at": "2012-11-20T07:30:00Z", "id": document.get("id")}
        return CommandMessage.model_validate(whole).id
    except ValidationError:
        return None
