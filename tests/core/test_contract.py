"""agent/core/contract.py: names and payloads, what is written and what is taken."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.core.contract import (
    MAX_PAYLOAD_BYTES,
    MODELS,
    About,
    Conference,
    Headcount,
    Health,
    Payload,
    Power,
    SetAside,
    Status,
    Truth,
    body,
    compact,
    decode,
    encode,
    split_topic,
    topic,
)
from agent.core.identity import is_site_id
from tests.core.rig import examples

AT = datetime(2012, 11, 20, 7, 30, 0, 123456, tzinfo=UTC)
COMMON: dict[str, Any] = {"at": "2012-11-20T07:30:00.123Z", "session": "s-1", "clock": "synced"}
CONFERENCE: dict[str, Any] = {
    "id": "c-1",
    "starts_at": "2012-11-20T08:00:00+07:00",
    "ends_at": "2012-11-20T04:00:00.000Z",
    "summoned": 40,
}


def conference(**changes: Any) -> bytes:
    return json.dumps({**CONFERENCE, **changes}).encode()


# Names


@pytest.mark.parametrize(
    ("full", "parts"),
    [
        ("diemcau/v1/chi-linh/power", ("chi-linh", "power")),
        ("diemcau/v1/chi-linh/config/desired", ("chi-linh", "config/desired")),
        ("diemcau/v1/a/simulated/truth", ("a", "simulated/truth")),
        ("diemcau/v1/chi-linh/", None),
        ("diemcau/v1/chi-linh", None),
        ("diemcau/v1//power", None),
        ("diemcau/v1/_all/command", None),
        ("diemcau/v1/Chi-Linh/power", None),
        ("diemcau/v2/chi-linh/power", None),
        ("x/diemcau/v1/chi-linh/power", None),
        ("", None),
    ],
)
def test_a_topic_of_ours_has_a_site_and_a_name(full: str, parts: tuple[str, str] | None) -> None:
    assert split_topic(full) == parts


@pytest.mark.parametrize("site", ["", "a/b", "#", "+", "Chi-Linh", "-a", "a-", "a--b", "chí-linh", "a" * 64, "a\n"])
def test_no_topic_is_made_for_what_is_no_site_id(site: str) -> None:
    with pytest.raises(ValueError, match="not a site id"):
        topic(site, "power")


@examples(100)
@given(site=st.text("az09-A+", max_size=6), name=st.sampled_from(sorted(MODELS)))
def test_a_topic_can_be_taken_apart_exactly_when_it_can_be_made(site: str, name: str) -> None:
    full = f"diemcau/v1/{site}/{name}"
    assert split_topic(full) == ((site, name) if is_site_id(site) else None)
    assert not is_site_id(site) or topic(site, name) == full


# Writing


def test_a_field_that_was_not_set_is_absent_and_one_that_is_not_known_is_null() -> None:
    power = Power(at=AT, session="s-1", clock="synced", state="off", loads={}, reason=None)
    assert json.loads(encode(power)) == {**COMMON, "state": "off", "loads": {}, "reason": None}


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (AT, "2012-11-20T07:30:00.123Z"),
        (AT.replace(microsecond=0), "2012-11-20T07:30:00.000Z"),
        (AT.astimezone(timezone(timedelta(hours=7))), "2012-11-20T07:30:00.123Z"),
        (AT.astimezone(timezone(timedelta(hours=-9, minutes=-30))), "2012-11-20T07:30:00.123Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds_and_a_z(moment: datetime, written: str) -> None:
    assert json.loads(encode(Truth(at=moment, people=3))) == {"at": written, "people": 3}


def test_a_time_without_a_zone_is_refused_also_from_ourselves() -> None:
    with pytest.raises(ValidationError):
        Truth(at=AT.replace(tzinfo=None), people=3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_cannot_be_said(value: float) -> None:
    with pytest.raises(ValidationError):
        SetAside.model_validate({"reason": "excluded", "count": value})
    with pytest.raises(ValidationError):
        Headcount.model_validate(
            {**COMMON, "value": 1, "state": "ok", "reason": None, "seen": 1, "min": 1, "max": 1, "samples": 1}
            | {"window_s": value, "frame_age_s": 0, "interval_s": 2}
        )


def test_the_body_is_a_payload_without_what_every_message_carries() -> None:
    status = Status(at=AT, session="s", clock="synced", state="running", connection=2, boot_id="b", version="1")
    assert body(status) == {"state": "running", "connection": 2, "boot_id": "b", "version": "1"}


def test_vietnamese_letters_stay_readable_in_what_people_see() -> None:
    about = About(at=AT, session="s", clock="synced", name="Thị xã Chí Linh")
    assert "Thị xã Chí Linh".encode() in encode(about)
    assert compact({"name": "Chí Linh", "value": None}) == '{"name": "Chí Linh", "value": null}'


# Reading


def test_a_conference_is_read_with_its_zones() -> None:
    read = decode(Conference, conference())
    assert (read.id, read.summoned, read.lock) == ("c-1", 40, False)
    assert read.starts_at == datetime(2012, 11, 20, 1, tzinfo=UTC)


def test_fields_of_a_later_version_are_ignored() -> None:
    assert decode(Conference, conference(colour="red", nested={"a": [1]})) == decode(Conference, conference())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": None}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"summoned": -1}, "summoned"),
        ({"summoned": 100_001}, "summoned"),
        ({"summoned": 2.5}, "summoned"),
        ({"summoned": "40"}, "summoned"),
        ({"summoned": True}, "summoned"),
        ({"starts_at": "2012-11-20T08:00:00"}, "starts_at"),
        ({"starts_at": "2012-11-20"}, "starts_at"),
        ({"starts_at": "2012-11-20 08:00:00+07:00"}, "starts_at"),
        ({"starts_at": 1353373200}, "starts_at"),
        ({"starts_at": "2012-13-20T08:00:00Z"}, "starts_at"),
        ({"ends_at": None}, "ends_at"),
        ({"lock": "yes"}, "lock"),
        ({"power_on_minutes": -5}, "power_on_minutes"),
    ],
)
def test_a_wrong_field_is_refused_by_name(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=rf"^{where}: \S") as refusal:
        decode(Conference, conference(**changes))
    assert not isinstance(refusal.value, ValidationError)


def test_a_missing_field_is_refused_by_name() -> None:
    raw = json.dumps({name: value for name, value in CONFERENCE.items() if name != "ends_at"}).encode()
    with pytest.raises(ValueError, match=r"^ends_at: "):
        decode(Conference, raw)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 5000, b'{"id": NaN}'])
def test_what_is_no_object_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(ValueError, match=": ") as refusal:
        decode(Conference, raw)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_refusal_shows_no_control_characters_of_what_it_refuses() -> None:
    raw = json.dumps({**COMMON, "state": "off", "loads": {"a\nb\x1b[31m": "x"}}).encode()
    with pytest.raises(ValueError, match=r"^loads\.a.b") as refusal:
        decode(Power, raw)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("at", ["2012-11-20Tsecret", "Tsecret", "secret", "2012-11-20T07:30:00+secret"])
def test_a_refused_time_is_not_quoted(at: str) -> None:
    with pytest.raises(ValueError, match=r"^at: .*should be a time such as") as refusal:
        decode(Truth, json.dumps({"at": at, "people": 1}).encode())
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(("size", "taken"), [(MAX_PAYLOAD_BYTES, True), (MAX_PAYLOAD_BYTES + 1, False)])
def test_sixty_four_kilobytes_are_taken_and_not_one_more(size: int, taken: bool) -> None:
    raw = conference().ljust(size)
    if taken:
        assert decode(Conference, raw).id == "c-1"
    else:
        with pytest.raises(ValueError, match="larger than 65536 bytes"):
            decode(Conference, raw)


# Anything at all

MODEL = st.sampled_from(sorted(MODELS)).map(MODELS.__getitem__)
FIELD = st.sampled_from(sorted({name for model in MODELS.values() for name in model.model_fields}))
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 100),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["2012-11-20T07:30:00.000Z", "0001-01-01T00:00:00+14:00", "T", "running", "on", "ok", "synced"]),
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(FIELD, st.text(max_size=4)), inner)),
    max_leaves=8,
)


def taken_or_refused(model: type[Payload], raw: bytes) -> None:
    """Anything but a payload or a ValueError of our own is an error."""
    try:
        payload = decode(model, raw)
    except ValueError as error:
        refusal = error
    else:
        assert type(payload) is model
        return
    assert type(refusal) is ValueError
    assert len(str(refusal)) < 250
    assert str(refusal).isprintable()


@examples(100)
@given(model=MODEL, raw=st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_a_value_error(model: type[Payload], raw: bytes) -> None:
    taken_or_refused(model, raw)


@examples(150)
@given(model=MODEL, document=st.dictionaries(FIELD, JSON, max_size=12), base=st.sampled_from([COMMON, CONFERENCE, {}]))
def test_any_document_is_a_payload_or_a_value_error(
    model: type[Payload], document: dict[str, Any], base: dict[str, Any]
) -> None:
    taken_or_refused(model, json.dumps({**base, **document}).encode())


@examples(150)
@given(place=st.integers(0, 200), new=st.binary(max_size=3), gone=st.integers(0, 3))
def test_a_damaged_payload_is_a_payload_or_a_value_error(place: int, new: bytes, gone: int) -> None:
    raw = conference()
    taken_or_refused(Conference, raw[:place] + new + raw[place + gone :])


OPTIONAL_COUNT = st.one_of(st.none(), st.integers(0, 500))


@examples(100)
@given(
    value=OPTIONAL_COUNT,
    extra=st.fixed_dictionaries(
        {}, optional={"summoned": OPTIONAL_COUNT, "rate": st.one_of(st.none(), st.floats(0, 9))}
    ),
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # as asked
)
def test_what_is_written_is_read_back_the_same(value: int | None, extra: dict[str, Any], moment: datetime) -> None:
    said = Headcount(
        at=moment.replace(microsecond=moment.microsecond // 1000 * 1000),
        session="s",
        clock="unsynced",
        value=value,
        state="unknown" if value is None else "ok",
        reason=None,
        seen=value,
        min=value,
        max=value,
        samples=3,
        window_s=90,
        frame_age_s=0.5,
        interval_s=2,
        **extra,
    )
    read = decode(Headcount, encode(said))
    assert read == said
    assert read.model_fields_set == said.model_fields_set


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "9000-01-01", "9999-12-31"])
def test_a_time_that_no_other_zone_may_have_is_none(day: str) -> None:
    with pytest.raises(ValueError, match=r"ends_at: .*should be a time"):
        decode(Conference, conference(ends_at=f"{day}T12:00:00Z"))


@pytest.mark.parametrize(
    ("model", "field"),
    [(Health, name) for name in ("rows_lost", "memory_used_bytes", "disk_free_bytes", "outbox_rows")]
    + [(Health, "restarts"), (Status, "connection")],
)
def test_a_whole_number_that_nobody_can_reckon_with_is_refused(model: type[Payload], field: str) -> None:
    facts = {"at": "2012-11-20T07:30:00Z", "session": "s", "clock": "synced", "connection": 1, "boot_id": "b"}
    facts |= {"state": "running", "version": "1"}
    for number, is_right in ((2**63 - 1, True), (2**63, False), (10**400, False)):
        raw = json.dumps(facts | {field: {"eye": number} if field == "restarts" else number}).encode()
        if is_right:
            decode(model, raw)
        else:
            with pytest.raises(ValueError, match=field):
                decode(model, raw)
