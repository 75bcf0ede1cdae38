"""A conference with everything in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.console.report.document import Document
from agent.console.store import Store
from tests.console.report import bed
from tests.console.report.bed import MINUTE, STARTS_S

NAMES = {
    "binh-giang": "<script>alert('Bình Giang')</script>",
    "cam-giang": "=HYPERLINK(\"http://x\");'Cẩm Giàng'",
    "chi-linh": "Thị xã Chí Linh",
    "gia-loc": "\u202eGia Lộc\x07\n" + "ộ" * 180,
    "kim-thanh": "Huyện Kim Thành $x_2$",
    "kinh-mon": "@Huyện Kinh Môn 🏛",
    "nam-sach": "Huyện Nam Sách",
}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    """Chí Linh as it should be; Nam Sách with all that can happen; one full beyond its summons; one that sent nothing;
    one that was called off; one of which nobody said how many are summoned.
    """
    store = Store(f"sqlite:///{tmp_path}/centre.db")
    store.start()
    call = (STARTS_S + 15 * MINUTE,)
    told = [
        bed.summons("binh-giang", 10, roll_calls=call),
        bed.summons("cam-giang", None, roll_calls=call),
        bed.summons("chi-linh", 20, roll_calls=call),
        bed.summons("gia-loc", 30, roll_calls=call),
        bed.summons("kim-thanh", 30, roll_calls=call, cleared_s=None),
        bed.summons("kinh-mon", 20, roll_calls=call, starts_at_s=STARTS_S + 10 * MINUTE),
        bed.summons("nam-sach", 20, roll_calls=call),
    ]
    store.conferences.keep_summons(told)
    store.conferences.cleared("kim-thanh", STARTS_S - MINUTE)
    store.conferences.keep_names([bed.name(site, name) for site, name in NAMES.items()])
    store.conferences.keep_presence([bed.presence("gia-loc", STARTS_S - MINUTE, "lost")])
    store.write(
        [
            *bed.minutes("binh-giang", 0, 60, 12),
            *bed.minutes("cam-giang", 0, 60, 7),
            *bed.minutes("chi-linh", -10, 60, 20),
            *bed.minutes("kinh-mon", 0, 60, 19),
            *bed.minutes("nam-sach", -5, 10, 10),
            *bed.minutes("nam-sach", 10, 20, None),
            *bed.minutes("nam-sach", 20, 60, 18),
            bed.event("nam-sach", 30, "device.lost", "warning", check="<i>micrô</i>", reason="missing"),
            bed.event("nam-sach", 45, "recount", by="Lan <b>", people=20, value=18, error=0.1),
        ]
    )
    yield store
    store.close()


@pytest.fixture
def document(centre: Store) -> Document:
    return bed.made(centre)
