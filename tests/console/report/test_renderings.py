"""HTML, CSV and PNG of one document: all letters come through, and nothing that a name holds does anything."""

import csv
import io
import json
import re
import struct
import zlib
from html.parser import HTMLParser

import pytest

from agent.console.report import charts, html, sheet
from agent.console.report.command import rendered, stem_of
from agent.console.report.document import Document
from agent.console.store import Store
from tests.console.report import bed
from tests.console.report.bed import HOUR, MINUTE, STARTS_S
from tests.console.report.conftest import NAMES


class Seen(HTMLParser):
    """Which elements there are, with their attributes, and the text of all."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_says_what_the_document_says(document: Document) -> None:
    page = Seen(html.page(document))
    for each in (
        "Thị xã Chí Linh",
        "4/6 điểm cầu",
        "101,3\u00a0%",
        "20/11/2026",
        "08:00",
        "đã huỷ họp",
        "chưa rõ",
        "08:20",
    ):
        assert each in page.text, each
    assert "<script>alert('Bình Giang')</script>" in page.text
    assert "<i>micrô</i>" in page.text


def test_a_number_that_was_counted_later_says_when(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh", roll_calls=(STARTS_S + 30,))])
    store.write([bed.window("chi-linh", STARTS_S + 52, STARTS_S + HOUR, 19, {"dark": 18.0})])
    page = " ".join(Seen(html.page(bed.made(store))).text.split())
    assert "19 lúc counted at 08:00:52" in page
    assert "1,2 tối hoặc bị che dark or covered 0,3 " in page  # each reason its own minutes


@pytest.mark.parametrize(("seconds", "shown"), [(3, "0,1"), (18, "0,3"), (60, "1,0"), (594, "9,9"), (599, "10")])
def test_minutes_have_a_decimal_below_ten(seconds: float, shown: str) -> None:
    assert html.minutes(seconds) == shown


def test_where_the_mark_is_missing_a_word_says_why(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh", lasts_s=150)])
    store.write([bed.window("chi-linh", STARTS_S, STARTS_S + 150, 19, {"dark": 18.0})])
    page = " ".join(Seen(html.page(bed.made(store))).text.split())
    assert "chưa rõ 12 %" in page
    assert "0,3 tối hoặc bị che" in page


def test_nothing_in_a_name_is_markup_and_nothing_is_fetched(document: Document) -> None:
    page = Seen(html.page(document))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "i", "img", "link", "iframe", "a"}
    for _, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on")} | ({"style", "src", "href"} & set(attributes))
    assert "\u202e" not in page.text
    assert "\x07" not in page.text


def test_the_part_for_the_board_has_no_style_of_its_own(document: Document) -> None:
    part = str(html.part(document))
    assert "<style" not in part
    assert "style=" not in part
    assert part in html.page(document)


@pytest.mark.parametrize("minutes", [-60, 0, 30])
def test_a_page_can_be_made_at_any_time(centre: Store, minutes: int) -> None:
    for name, raw in rendered(bed.made(centre, STARTS_S + minutes * MINUTE), ("html", "csv", "json", "png")):
        assert raw, name


def test_pages_of_nothing_at_all(store: Store) -> None:
    store.conferences.keep_summons([bed.summons("chi-linh", None)])
    assert "chưa rõ" in html.page(bed.made(store))
    store.conferences.cleared("chi-linh", STARTS_S - 1)
    for name, raw in rendered(bed.made(store), ("html", "csv", "json", "png")):
        assert raw, name


@pytest.mark.parametrize(
    ("separator", "mean", "rate", "why"),
    [(";", "15,6", "120,0", "tối hoặc bị che 10,0"), (",", "15.6", "120.0", "tối hoặc bị che 10.0")],
)
def test_a_sheet_gives_every_letter_back(document: Document, separator: str, mean: str, rate: str, why: str) -> None:
    raw = sheet.sites(document, separator).encode()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=separator))
    assert [row["Mã / Site"] for row in rows] == sorted(NAMES)
    names = {row["Mã / Site"]: row["Điểm cầu / Name"] for row in rows}
    assert names["chi-linh"] == "Thị xã Chí Linh"
    assert names["binh-giang"] == NAMES["binh-giang"]
    assert names["gia-loc"] == NAMES["gia-loc"]
    by_site = {row["Mã / Site"]: row for row in rows}
    assert by_site["nam-sach"]["Trung bình / Mean"] == "16,4".replace(",", mean[2])
    assert by_site["binh-giang"]["Tỷ lệ % / Rate %"] == rate
    assert by_site["nam-sach"]["Lý do chưa rõ / Why unknown"] == why
    assert by_site["nam-sach"]["Không có sự cố / Untroubled"] == "không"
    assert by_site["nam-sach"]["Vì sao / Why not"] == "sự cố"
    assert by_site["chi-linh"]["Huỷ họp / Called off"] == "không"
    assert by_site["chi-linh"]["Điểm danh / Roll-call 2026-11-20 08:15:00"] == "20"
    assert by_site["gia-loc"]["Có mặt / Present"] == ""
    assert by_site["nam-sach"]["Điểm danh / Roll-call 2026-11-20 08:15:00"] == "18"
    assert by_site["nam-sach"]["Đếm lúc / Counted at 2026-11-20 08:15:00"] == "2026-11-20 08:20:00"
    assert len(sheet.SITE_COLUMNS) + 2 == len(rows[0])


def test_no_cell_is_a_formula(document: Document) -> None:
    for text in (sheet.sites(document), sheet.incidents(document)):
        for row in csv.reader(io.StringIO(text.removeprefix(sheet.MARK), newline=""), delimiter=";"):
            assert not [cell for cell in row if sheet.FORMULA.match(cell)]
    assert "'=HYPERLINK" in sheet.sites(document)


def test_the_sheet_of_incidents_has_a_row_for_each(document: Document) -> None:
    text = sheet.incidents(document).removeprefix(sheet.MARK)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    assert len(rows) == len(document["incidents"])
    assert rows[-1]["Chi tiết / Detail"] == "<i>micrô</i>"
    assert (rows[-1]["Từ / From"], rows[-1]["Đến / To"]) == ("2026-11-20 08:30:00", "")


def test_charts_are_a_picture_that_grows_with_the_sites_and_is_always_the_same(document: Document) -> None:
    raw = charts.png(document)
    width, height, pixels = picture(raw)
    assert width == charts.WIDTH_IN * charts.DPI
    assert height == pytest.approx((7.9 + charts.ROW_IN * 6) * charts.DPI, abs=2)
    assert len(set(pixels)) > 20  # there is something on it
    assert charts.png(document) == raw
    assert b"tEXt" not in raw


def picture(raw: bytes) -> tuple[int, int, bytes]:
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", raw[16:24])
    data, at = b"", 8
    while at < len(raw):
        (size,) = struct.unpack(">I", raw[at : at + 4])
        if raw[at + 4 : at + 8] == b"IDAT":
            data += raw[at + 8 : at + 8 + size]
        at += 12 + size
    return width, height, zlib.decompress(data)


def test_what_the_font_cannot_draw_is_a_dot() -> None:
    assert charts.drawable("Hội nghị Đắk Lắk ỳỵỹ") == "Hội nghị Đắk Lắk ỳỵỹ"
    assert charts.drawable("a\u202eb\U0001f3dbc\n") == "a·b·c·"
    assert charts.drawable("x" * 99) == "x" * 71 + "…"


def test_json_is_the_document(document: Document) -> None:
    ((name, raw),) = rendered(document, ("json",))
    assert name == "report-hn-11.json"
    assert json.loads(raw) == document


def test_a_file_name_is_no_path_and_of_another_id_another_one() -> None:
    assert stem_of("hn-11") == "report-hn-11"
    assert stem_of("Hội.nghị_11") == "report-Hội.nghị_11"
    odd = {stem_of(each) for each in ("../../etc/passwd", "a/b", "a b", "a\\b", "a\0b", "..")}
    assert len(odd) == 6
    assert all(re.fullmatch(r"report-[\w.-]+", each) for each in odd)
