"""The demo's conference: which rooms there are, how they are wired, who comes when, and what goes wrong. Data and text,
nothing runs.

Times are seconds of the script: at ``--speed 10`` ten of them pass in one of ours. All rooms have one clock, so that a
room that took long to start has the same conference as the others.
"""

import json
import random
from dataclasses import dataclass

# The hall of the province's People's Committee, the twelve districts and towns that took part in Hải Dương's online
# conferences of 2012, and one department; with the level that each is grouped under.
NAMES = (
    ("ubnd-tinh", "Hội trường UBND tỉnh", "Khối tỉnh"),
    ("hai-duong", "Thành phố Hải Dương", "Thành phố, thị xã"),
    ("chi-linh", "Thị xã Chí Linh", "Thành phố, thị xã"),
    ("nam-sach", "Huyện Nam Sách", "Huyện"),
    ("kinh-mon", "Huyện Kinh Môn", "Huyện"),
    ("kim-thanh", "Huyện Kim Thành", "Huyện"),
    ("thanh-ha", "Huyện Thanh Hà", "Huyện"),
    ("cam-giang", "Huyện Cẩm Giàng", "Huyện"),
    ("binh-giang", "Huyện Bình Giang", "Huyện"),
    ("gia-loc", "Huyện Gia Lộc", "Huyện"),
    ("tu-ky", "Huyện Tứ Kỳ", "Huyện"),
    ("thanh-mien", "Huyện Thanh Miện", "Huyện"),
    ("ninh-giang", "Huyện Ninh Giang", "Huyện"),
    ("so-noi-vu", "Sở Nội vụ", "Khối tỉnh"),
)
STARTS_S, ENDS_S = 60.0, 60.0 + 75 * 60
ROLL_CALLS_S = (5 * 60.0, 45 * 60.0)
GO_HOME_S = 120.0  # how long it takes them, after the end

# Who meets what, from when to when: within three minutes, for who looks on at speed 1, and never shorter than
# SHOWS_S of our own seconds, for who looks on at speed 30.
CUT_OFF, DEAF, DARK, FORGOTTEN = "chi-linh", "nam-sach", "kinh-mon", "kim-thanh"
DEAF_S, CUT_OFF_S, DARK_S = (120.0, 300.0), (150.0, 420.0), (200.0, 440.0)
UP_S, SHOWS_S = 12.0, 15.0  # in our time: until rooms are up and count; for how long a fault is to be seen
WILL_SHOWS_S = 40.0  # the broker waits 15 s before it says that a site is lost
FORGOTTEN_S = 25 * 60.0  # then somebody presses there after all; whoever presses on the page is faster

ROOM = """\
[site]
name = {name}
path = ["Hải Dương", {level}]

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
pin = 4
active_high = false
settle_s = 0.5

[[checks]]
name = "camera-main"
kind = "usb-camera"
usb = "046d:085e"
[[checks]]
name = "microphone"
kind = "usb-microphone"
usb = "0d8c:0014"

[camera]
check = "camera-main"

[headcount]
interval_s = {interval_s}
window_s = {window_s}

[reporting]
heartbeat_s = 10
history_s = {history_s}
"""

Cue = dict[str, object]


@dataclass(frozen=True, slots=True)
class DemoSite:
    """One simulated room: its id, its name, how many are summoned, its files' texts, and when its WAN is down."""

    site: str
    name: str
    summoned: int
    room: str
    script: str
    cut_off_s: tuple[float, float] | None = None

    def identity(self, broker_url: str) -> str:
        """The identity file's text."""
        return f'site = "{self.site}"\n[broker]\nurl = "{broker_url}"\n'

    def is_cut_off(self, at_s: float) -> bool:
        """Whether its WAN is down at a second of the script."""
        return self.cut_off_s is not None and self.cut_off_s[0] <= at_s < self.cut_off_s[1]


def demo_sites(number: int, speed: float, begins_s: float | None = None) -> list[DemoSite]:
    """The rooms of a demo, the same at every run; ``begins_s`` is the script's second 0 on the monotonic clock."""
    return [_site(i, *_named(i), speed, begins_s) for i in range(number)]


def _named(i: int) -> tuple[str, str, str]:
    return NAMES[i] if i < len(NAMES) else (f"diem-cau-{i + 1}", f"Điểm cầu {i + 1}", "Xã, phường")


def _site(i: int, site: str, name: str, level: str, speed: float, begins_s: float | None) -> DemoSite:
    chance = random.Random(i)  # noqa: S311 # a script, no secret
    summoned = 40 if i == 0 else chance.randint(12, 30)
    room = ROOM.format(
        name=json.dumps(name, ensure_ascii=False),
        level=json.dumps(level, ensure_ascii=False),
        interval_s=max(0.5, 2 / speed),
        # Follows arrivals closely, and still steadies the number; with less than nine looks it would drop out at first.
        window_s=max(5.0, 10 / speed),
        history_s=max(10.0, 30 / speed),  # less than ten seconds no agent takes
    )
    cues = [*_power(i, site), *_people(i, summoned, max(1.0, speed / 5), chance), *_faults(site, speed)]
    script = {"seed": 100 + i, "seats": min(80, summoned + 4), "begins_s": begins_s, "cues": cues}
    cut_off_s = _stretched(*CUT_OFF_S, WILL_SHOWS_S, speed) if site == CUT_OFF else None
    return DemoSite(site, name, summoned, room, json.dumps(script), cut_off_s)


def _power(i: int, site: str) -> list[Cue]:
    return [{"at_s": FORGOTTEN_S if site == FORGOTTEN else 2 + 0.7 * i, "do": "press"}]


def _people(i: int, summoned: int, pace: float, chance: random.Random) -> list[Cue]:
    """Most come in the first half minute, the late in the second; then now and then somebody goes out for a while.

    ``pace`` is how many times longer that while is: who is back, on another seat, before the agent has noticed that
    somebody left is counted twice, and the agent takes our time for that whatever the speed.
    """
    early = round(summoned * chance.uniform(0.6, 0.75))
    late = round(summoned * chance.uniform(0.95, 1.0)) - early
    cues: list[Cue] = [
        {"at_s": 4 + 0.7 * i, "do": "arrive", "people": early, "over_s": 20},
        {"at_s": 45 + chance.uniform(0, 15), "do": "arrive", "people": late, "over_s": 30},
    ]
    at_s = 150.0
    while at_s < ENDS_S - 300 - 90 * pace:
        out = chance.randint(1, 2)
        cues.append({"at_s": round(at_s, 1), "do": "leave", "people": out, "over_s": 5})
        back_s = at_s + pace * chance.uniform(30, 90)
        cues.append({"at_s": round(back_s, 1), "do": "arrive", "people": out, "over_s": 5})
        at_s += pace * chance.uniform(90, 240)
    cues.append({"at_s": ENDS_S - 150, "do": "leave", "people": summoned // 10, "over_s": 60})
    cues.append({"at_s": ENDS_S + 10, "do": "leave", "people": summoned, "over_s": GO_HOME_S})
    return cues


def _faults(site: str, speed: float) -> list[Cue]:
    if site == DEAF:
        pulled_s, back_s = _stretched(*DEAF_S, SHOWS_S, speed)
        plugs: list[Cue] = [{"at_s": pulled_s, "do": "unplug"}, {"at_s": back_s, "do": "plug"}]
        return [{**cue, "device": "microphone"} for cue in plugs]
    if site == DARK:
        covered_s, back_s = _stretched(*DARK_S, SHOWS_S, speed)
        return [{"at_s": covered_s, "do": "dark"}, {"at_s": back_s, "do": "light"}]
    return []


def _stretched(from_s: float, to_s: float, at_least_s: float, speed: float) -> tuple[float, float]:
    """A fault's time: when the rooms are up, long enough to be seen, and over before the conference is."""
    later_s = max(0.0, UP_S * speed - DEAF_S[0])
    from_s, to_s = from_s + later_s, to_s + later_s
    return from_s, min(max(to_s, from_s + at_least_s * speed), ENDS_S - 300)
