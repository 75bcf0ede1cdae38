"""How a payload is written and read: one JSON object in UTF-8 of at most 64 KiB, times in UTC.

What is said in it stands in ``contract.py``. A field that is not set is absent from the JSON; a field set to None is
null (not known). So models are built with the fields that apply and no others. Readers ignore fields that they do not
know.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
)

MAX_PAYLOAD_BYTES = 64 * 1024
YEARS = range(1900, 9000)  # beyond, a time in another zone, or a day later, may be none at all


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_utc(moment: datetime) -> datetime:
    """As it goes over the wire, so that what is read again is equal to what was sent. Naive ones are refused later."""
    if moment.microsecond % 1000:
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(value: object) -> object:
    # ISO text only: pydantic would also take a number, and a number of what?
    try:
        if isinstance(value, str) and "T" in value:
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            moment = _in_utc(value)
            if moment.year in YEARS:
                return moment
    except (ValueError, OverflowError):
        pass  # whose message would quote it
    raise ValueError("should be a time such as 2012-11-20T07:30:00.000Z")


def _finite(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    # `allow_inf_nan` does not reach in here: 1e999 would become a number that nobody can be sent.
    if info.mode == "json":
        json.dumps(value, allow_nan=False)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment), PlainSerializer(_written)]
Document = Annotated[dict[str, Any], AfterValidator(_finite)]


class Payload(BaseModel):
    """Base of every payload: frozen, strict, unknown fields ignored by readers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)


class FromSite(Payload):
    """What every message from a site carries."""

    at: Moment
    session: str = Field(max_length=36)
    clock: Literal["synced", "unsynced"]


P = TypeVar("P", bound=Payload)


def encode(payload: Payload) -> bytes:
    """The JSON of a payload: fields that were not set are absent, fields set to None are null. Never raises: what a
    driver or a file name gives us need not be text, and half a letter (a lone surrogate) goes out as ``?``.
    """
    try:
        return payload.model_dump_json(exclude_unset=True, by_alias=True).encode()
    except ValueError:
        said = payload.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def decode(model: type[P], raw: bytes) -> P:
    """Read a payload.

    Raises:
        ValueError: It is not one; the message is one line and quotes nothing longer than a field's name.
    """
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"larger than {MAX_PAYLOAD_BYTES} bytes")
    try:
        payload = model.model_validate_json(raw)
    except ValidationError as error:
        raise ValueError(refusal(error)) from None
    if b"NaN" in raw or b"Infinity" in raw:  # pydantic reads these where no field of ours stands
        json.loads(raw, parse_constant=_no_constant)
    return payload


def _no_constant(name: str) -> None:
    raise ValueError(f"payload: {name} is no JSON")


def refusal(error: ValidationError) -> str:
    """The first mistake as one printable line that quotes nothing longer than a field's name."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:80]
    sentence = f"{where or 'payload'}: {first['msg'][:120]}"
    return "".join(letter if letter.isprintable() else "�" for letter in sentence)


def compact(document: object) -> str:
    """JSON on one line, with Vietnamese letters as they are."""
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": "), default=str)
