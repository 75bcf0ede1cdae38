"""The register and the table that many sites come from."""

from datetime import UTC, datetime

import pytest

from agent.console.enrolment import (
    ROWS_MAX,
    Credential,
    Register,
    Wish,
    check,
    enrolled,
    parse_register,
    read_csv,
    renewed,
    revoked,
    written,
)
from agent.core.errors import ConfigError

NOW = datetime(2012, 11, 20, 7, 30, tzinfo=UTC)
LATER = datetime(2012, 11, 21, tzinfo=UTC)


def credential(serial: str) -> Credential:
    return Credential(serial=serial, issued_at=NOW, expires=LATER)


@pytest.fixture
def register() -> Register:
    first = enrolled(Register(), {Wish("nam-sach"): credential("a1")}, "site")
    return enrolled(first, {Wish("chi-linh", "Thị xã Chí Linh"): credential("b2")}, "site")


def problems(raw: bytes | str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(Register(), read_csv(raw.encode() if isinstance(raw, str) else raw, "sites.csv"), "sites.csv")
    return list(map(str, caught.value.problems))


def test_the_register_is_read_as_it_was_written(register: Register) -> None:
    again = parse_register(written(register), "sites.json")
    assert again == register
    assert [each.id for each in again.members] == ["chi-linh", "nam-sach"]
    assert "Thị xã Chí Linh" in written(register)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"members": 3}', '{"version": 2}', '{"member": []}'])
def test_a_damaged_register_is_told_with_what_to_do(text: str) -> None:
    with pytest.raises(ConfigError, match="restore it from a backup"):
        parse_register(text, "sites.json")


def test_revoking_takes_every_certificate_of_an_id_back(register: Register) -> None:
    member = register.find("chi-linh")
    assert member is not None
    register = renewed(register, member, credential("c3"), None)
    assert register.revoked == []
    member = register.find("chi-linh")
    assert member is not None
    assert member.newest.serial == "c3"
    register = revoked(register, member, LATER)
    assert register.revoked == [(0xB2, LATER), (0xC3, LATER)]
    assert [each.id for each in register.admitted] == ["nam-sach"]


def test_renewing_can_take_the_old_one_back(register: Register) -> None:
    member = register.find("chi-linh")
    assert member is not None
    register = renewed(register, member, credential("c3"), LATER)
    assert register.revoked == [(0xB2, LATER)]
    assert len(register.admitted) == 2


def test_who_comes_back_does_not_bring_the_old_certificates(register: Register) -> None:
    member = register.find("chi-linh")
    assert member is not None
    register = revoked(register, member, NOW)
    check(register, [Wish("chi-linh")], "")
    register = enrolled(register, {Wish("chi-linh"): credential("d4")}, "viewer")
    again = register.find("chi-linh")
    assert again is not None
    assert (again.role, again.revoked_at, again.newest.revoked_at) == ("viewer", None, None)
    assert register.revoked == [(0xB2, NOW)]


@pytest.mark.parametrize(
    "id_",
    ["", "#", "+", "a/b", "$SYS", "a\0b", "Chi-Linh", "chí-linh", "chi_linh", "-a", "a-", "a--b", "_all", "a" * 64,
     " a", "a\n", "../x", "a b", "%u"],
)  # fmt: skip
def test_an_id_that_could_be_more_than_a_word_of_a_topic_is_refused(id_: str) -> None:
    with pytest.raises(ConfigError, match="an id is words of a-z and 0-9") as caught:
        check(Register(), [Wish(id_)], "site add")
    assert str(caught.value).isprintable()


def test_many_are_enrolled_together_in_order_beside_those_who_are_there(register: Register) -> None:
    more = {Wish(f"s{number}"): credential("e5") for number in range(ROWS_MAX, 0, -1)}  # minutes, were each one alone
    check(register, list(more), "")
    ids = [each.id for each in enrolled(register, more, "site").members]
    assert ids == sorted(["chi-linh", "nam-sach", *(each.id for each in more)])


def test_an_id_is_one_persons_or_one_sites_whatever_the_role(register: Register) -> None:
    with pytest.raises(ConfigError, match="is enrolled already as site"):
        check(register, [Wish("chi-linh")], "site add")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "a" * 201])
def test_a_name_that_a_terminal_or_a_file_would_suffer_from_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="printable"):
        check(Register(), [Wish("chi-linh", name)], "site add")


@pytest.mark.parametrize(
    "raw",
    [
        "id,name\nchi-linh,Thị xã Chí Linh\nnam-sach,Nam Sách\n",
        "\ufeffid;name\r\nchi-linh;Thị xã Chí Linh\r\nnam-sach;Nam Sách\r\n",
        "ID\tName\r\nchi-linh\tThị xã Chí Linh\r\n\r\nnam-sach\tNam Sách",
        'name,id\n"Thị xã Chí Linh","chi-linh"\n Nam Sách , nam-sach \n,\n',
        "stt;id;name\n1;chi-linh;Thị xã Chí Linh\n2;nam-sach;Nam Sách\n",
    ],
    ids=["plain", "bom-semicolon-crlf", "tabs", "quoted", "another-column"],
)
def test_a_table_is_read_as_spreadsheets_write_it(raw: str) -> None:
    wishes = read_csv(raw.encode(), "sites.csv")
    assert [(each.id, each.name) for each in wishes] == [("chi-linh", "Thị xã Chí Linh"), ("nam-sach", "Nam Sách")]


def test_names_may_be_missing_and_may_hold_the_separator() -> None:
    assert [each.name for each in read_csv(b"id\nchi-linh\n", "x")] == [""]
    assert [each.name for each in read_csv(b'id,name\nchi-linh,"A, B"\nb\n', "x")] == ["A, B", ""]


def test_every_problem_of_a_table_is_told_at_once_with_its_line() -> None:
    found = problems("id,name\nchi-linh,A\nChi Linh,B\nchi-linh,C\n\nnam-sach,D\n#,E\n")
    assert [each.partition(":")[0] for each in found] == ["dòng / line 3", "dòng / line 4", "dòng / line 7"]
    assert "line 2" in found[1]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    found = problems('id,name\nchi-linh,"two\nlines"\n#,x\n')
    assert [each.partition(":")[0] for each in found] == ["dòng / line 2", "dòng / line 4"]


def test_too_many_columns_and_bad_ids_are_told_together() -> None:
    found = problems("id,name\n#,x\nchi-linh,Thị xã, Chí Linh\n")
    assert [each.partition(":")[0] for each in found] == ["dòng / line 2", "dòng / line 3"]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "id,name"),
        (b"id,name\n", "id,name"),
        (b"chi-linh,Chi Linh\nnam-sach,Nam Sach\n", "id,name"),
        (b"id,id\na,b\n", "id,name"),
        ("id,name\nchi-linh,Chí Linh\n".encode("utf-16"), "CSV UTF-8"),
        ("id,name\nchi-linh,Chí Linh\n".encode("cp1258", "replace") + b"\xed", "CSV UTF-8"),
        (b'id,name\nchi-linh,"open\n', "this is no table"),
        (b"PK\x03\x04\xff\xfe", "CSV UTF-8"),
    ],
)
def test_what_is_no_such_table_is_told_with_what_to_do(raw: bytes, says: str) -> None:
    (found,) = problems(raw)
    assert says in found
