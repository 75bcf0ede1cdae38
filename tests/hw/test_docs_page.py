"""hw/huong-dan-diem-cau.html: one sheet of A4, needing nothing but itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "hw/huong-dan-diem-cau.html"
A4_PT = (594.96, 841.92)


def test_it_fits_on_one_sheet_of_a4(tmp_path: Path) -> None:
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("needs chromium")
    printed = tmp_path / "page.pdf"
    switches = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run(
        [chromium, *switches, "--no-pdf-header-footer", f"--print-to-pdf={printed}", PAGE.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheets = re.findall(rb"/Type\s*/Page\b(?!s)", printed.read_bytes())
    size = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed.read_bytes())
    assert len(sheets) == 1
    assert size is not None
    assert (float(size[1]), float(size[2])) == pytest.approx(A4_PT, abs=1)


def test_it_needs_no_network() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//|@import|<script|<link""", text)


def test_it_says_what_people_worry_about() -> None:
    words = " ".join(re.sub(r"<[^>]+>", "", PAGE.read_text(encoding="utf-8")).split())
    for sentence in (
        "Nhấn nút một cái",
        "Giữ nút ba giây",
        "rút điện của hộp",
        "rút, cắm hay đổi chỗ bất cứ dây nào",
        "Hình ảnh không được lưu lại và không được gửi đi đâu",
        "không nghe và không ghi âm",
        "TAY",
    ):
        assert sentence in words
