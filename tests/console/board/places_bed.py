"""Who the simulated sites are: names and places as Vietnam has them, and an hour of their history."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import Engine

from agent.console.recorder_tables import ROW
from agent.console.store import _values
from tests.console.test_store import window

PROVINCES = (
    "Hải Dương", "Hải Phòng", "Hưng Yên", "Bắc Ninh", "Quảng Ninh", "Thái Nguyên", "Phú Thọ", "Lào Cai", "Tuyên Quang",
    "Lạng Sơn", "Cao Bằng", "Điện Biên", "Lai Châu", "Sơn La", "Ninh Bình", "Thanh Hóa", "Nghệ An", "Hà Tĩnh",
    "Quảng Trị", "Huế", "Đà Nẵng", "Quảng Ngãi", "Gia Lai", "Đắk Lắk", "Khánh Hòa", "Lâm Đồng", "Đồng Nai", "Tây Ninh",
    "Đồng Tháp", "Vĩnh Long", "An Giang", "Cần Thơ", "Cà Mau", "Hà Nội",
)  # fmt: skip
FIRST = ("Thanh", "Tân", "Vĩnh", "Phú", "An", "Bình", "Đông", "Hồng", "Cẩm", "Nam")
SECOND = ("Hòa", "Sơn", "Long", "Phong", "Lạc", "Thịnh", "Châu", "Giang", "Hưng", "Quang")


@dataclass(frozen=True, slots=True)
class Place:
    """Who a site is."""

    site: str
    name: str
    path: tuple[str, ...]


def places(sites: int) -> list[Place]:
    """Communes, a hundred to a province; 3,400 are those of the country."""
    made = []
    for number in range(sites):
        province, commune = PROVINCES[number // 100], f"{FIRST[number // 10 % 10]} {SECOND[number % 10]}"
        made.append(Place(_id(f"{commune} {province}"), f"Xã {commune}", (province, commune)))
    return made


def _id(name: str) -> str:
    """As people would write it without marks: tan-son-hai-duong."""
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).replace(" ", "-")


def hour(engine: Engine, sites: Iterable[Place], minutes: int = 60) -> None:
    """The last hour of their history: people come, and stay."""
    now, chance = datetime.now(UTC), Random(8)
    made = []
    for place in sites:
        most = chance.randrange(300, 900)
        for minute in range(minutes):
            row = window(
                minute + 1, most * min(minute, 20) // 20, place.site, at=now - timedelta(minutes=minutes - minute)
            )
            made.append(_values(row, {}))
    with engine.begin() as db:
        db.execute(ROW.insert(), made)
