"""agent/console/conference_sheet.py: tables as people's spreadsheets write them, and every mistake by its line."""

import pytest

from agent.console.conference_sheet import as_csv, from_fields, read_sheet
from agent.core.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "site,summoned\nchi-linh,62\nnam-sach,48\n",
        "\ufeffSITE;Summoned\r\nchi-linh;62\r\nnam-sach;48\r\n",
        "id\tname\tsummoned\n\nchi-linh\tThị xã Chí Linh\t62\nnam-sach\t\t48",
        'name,summoned,site\n"Chí Linh,\nhội trường", 62 ,chi-linh\nx,48,nam-sach\n,,\n',
    ],
)
def test_a_table_gives_the_number_of_each_site(text: str) -> None:
    assert read_sheet(text.encode(), "sites.csv") == {"chi-linh": 62, "nam-sach": 48}


@pytest.mark.parametrize(
    "text", ["", "site\nchi-linh", "summoned\n1", "site,summoned\n", "site,summoned,summoned\na,1,1", "chi-linh,62"]
)
def test_a_table_without_its_first_line_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="the first line should be site,summoned"):
        read_sheet(text.encode(), "sites.csv")


def test_a_table_in_an_old_code_page_says_how_to_save_it() -> None:
    with pytest.raises(ConfigError, match="Save As › CSV UTF-8"):
        read_sheet("site,summoned,name\nchi-linh,62,Chí Linh\n".encode("cp1252"), "sites.csv")


def test_every_mistake_is_named_by_its_line_at_once() -> None:
    text = "site,summoned\nChi Linh,62\nnam-sach,\nnam-sach,48\n\ngia-loc,-1\ntu-ky,6.5\nkim-thanh,100001\nmore,٣\n"
    with pytest.raises(ConfigError) as caught:
        read_sheet(text.encode(), "sites.csv")
    assert [each.path.rpartition(" ")[2] for each in caught.value.problems] == ["2", "3", "4", "6", "7", "8", "9"]
    assert "line 3" in caught.value.problems[2].message


def test_a_form_leaves_out_those_without_a_number() -> None:
    assert from_fields([("chi-linh", " 62 "), ("nam-sach", ""), ("gia-loc", "0")], "form") == {
        "chi-linh": 62,
        "gia-loc": 0,
    }
    with pytest.raises(ConfigError, match="whole number"):
        from_fields([("chi-linh", "many")], "form")


def test_it_can_be_written_and_read_again() -> None:
    assert read_sheet(as_csv({"chi-linh": 62}).encode(), "") == {"chi-linh": 62}
