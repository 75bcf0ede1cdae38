"""The demo's conference: which rooms there are, how they are wired, and who comes when. Data and text, nothing runs."""

import json
import random
from dataclasses import dataclass

# The twelve districts and towns that took part in Hải Dương's online conferences of 2012, the hall of the province's
# People's Committee, and one department.
NAMES = (
    ("ubnd-tinh", "Hội trường UBND tỉnh"),
    ("hai-duong", "Thành phố Hải Dương"),
    ("chi-linh", "Thị xã Chí Linh"),
    ("nam-sach", "Huyện Nam Sách"),
    ("kinh-mon", "Huyện Kinh Môn"),
    ("kim-thanh", "Huyện Kim Thành"),
    ("thanh-ha", "Huyện Thanh Hà"),
    ("cam-giang", "Huyện Cẩm Giàng"),
    ("binh-giang", "Huyện Bình Giang"),
    ("gia-loc", "Huyện Gia Lộc"),
    ("tu-ky", "Huyện Tứ Kỳ"),
    ("thanh-mien", "Huyện Thanh Miện"),
    ("ninh-giang", "Huyện Ninh Giang"),
    ("so-noi-vu", "Sở Nội vụ"),
)
LASTS_S = 2 * 3600

ROOM = """\
[site]
name = {name}
path = ["Hải Dương", {name}]

[power]
button = {{ pin = 17, hold_s = 3 }}
led = {{ pin = 27 }}
[[power.loads]]
name = "codec"
pin = 5
active_high = false
settle_s = 1
[[power.loads]]
name = "display"
pin = 6
active_high = false
settle_s = 1
proof = "camera-main"
prove_within_s = 20
[[power.loads]]
name = "amplifier"
pin = 13
active_high = false
settle_s = 0.5

[[checks]]
name = "camera-main"
kind = "usb-camera"
usb = "046d:085e"
group = "display"

[camera]
check = "camera-main"

[headcount]
interval_s = {interval_s}
window_s = {window_s}

[reporting]
heartbeat_s = 10
"""


@dataclass(frozen=True, slots=True)
class DemoSite:
    """One simulated room: its id, its name, how many are summoned, and its files' texts."""

    site: str
    name: str
    summoned: int
    identity: str
    room: str
    script: str


def demo_sites(number: int, speed: float, broker_url: str) -> list[DemoSite]:
    """The rooms of a demo, the same at every run."""
    return [_site(i, *_named(i), speed, broker_url) for i in range(number)]


def _named(i: int) -> tuple[str, str]:
    return NAMES[i] if i < len(NAMES) else (f"diem-cau-{i + 1}", f"Điểm cầu {i + 1}")


def _site(i: int, site: str, name: str, speed: float, broker_url: str) -> DemoSite:
    chance = random.Random(i)  # noqa: S311 # a script, no secret
    summoned = 40 if i == 0 else chance.randint(12, 30)
    # Ten seconds of the script follow arrivals closely and still steady the number.
    room = ROOM.format(
        name=json.dumps(name, ensure_ascii=False), interval_s=max(0.5, 2 / speed), window_s=max(3.0, 10 / speed)
    )
    identity = f'site = "{site}"\n[broker]\nurl = "{broker_url}"\n'
    return DemoSite(site, name, summoned, identity, room, json.dumps(_script(i, summoned, chance)))


def _script(i: int, summoned: int, chance: random.Random) -> dict[str, object]:
    """Most come in the first half minute, the late in the second; then now and then somebody goes out for a while."""
    early = round(summoned * chance.uniform(0.6, 0.75))
    late = round(summoned * chance.uniform(0.9, 1.0)) - early
    cues: list[dict[str, object]] = [
        {"at_s": 2 + 0.7 * i, "do": "press"},
        {"at_s": 4 + 0.7 * i, "do": "arrive", "people": early, "over_s": 20},
        {"at_s": 45 + chance.uniform(0, 15), "do": "arrive", "people": late, "over_s": 30},
    ]
    at_s = 150.0
    while at_s < LASTS_S:
        out = chance.randint(1, 2)
        cues.append({"at_s": round(at_s, 1), "do": "leave", "people": out, "over_s": 5})
        cues.append({"at_s": round(at_s + chance.uniform(30, 90), 1), "do": "arrive", "people": out, "over_s": 5})
        at_s += chance.uniform(90, 240)
    return {"seed": 100 + i, "seats": min(80, summoned + 4), "cues": cues}
