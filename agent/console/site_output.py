"""What the commands of ``diemcau site`` write, and what they say: files first the register's, then the boxes', then the
broker's; results on standard output, what to do next on standard error.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from agent.adapters.files import write_durably
from agent.console import enrolment
from agent.console.authority import Authority, Issued
from agent.console.box_files import ON_THE_BOX, Made, write_box
from agent.console.broker_files import LOCAL_PORT, write_broker_files
from agent.console.enrolment import Credential, Member, Password, Proof, Register
from agent.console.eviction import evict, reload_broker
from agent.console.site_commands import complain
from agent.console.site_list import iso
from agent.core.contract import compact
from agent.core.identity import broker_at

RELOAD = "sudo systemctl reload mosquitto"
RESTART = "sudo systemctl restart mosquitto"


class Places:
    """Where files go: a folder for each box in ``out``, the broker's in ``broker``."""

    def __init__(self, out: Path, broker: Path) -> None:
        self.out, self.broker = out, broker


def proof_of(made: Made) -> Proof:
    """What the register keeps of it."""
    now = datetime.now(UTC)
    if isinstance(made, Issued):
        return Credential(serial=f"{made.serial:x}", issued_at=now, expires=made.expires)
    return Password(hash=made.hash, issued_at=now)


def keep(folder: Path, places: Places, authority: Authority, register: Register, made: dict[str, Made]) -> bool:
    """Write all that has changed. Returns whether the broker has to be restarted for it. Raises OSError."""
    write_durably(folder / enrolment.FILE, enrolment.written(register))
    try:
        for member in register.members:
            if member.id in made:
                write_box(places.out / member.id, member, made[member.id], register.broker, authority.pem)
                if member.role == "site":
                    _give_to_who_asked(places.out / member.id)
        return write_broker_files(places.broker, authority, register)
    except OSError:
        again = "; ".join(f"diemcau site renew {each}" for each in made) or "diemcau site revoke"
        complain(
            f"đã ghi vào sổ nhưng chưa ghi đủ tệp, sửa xong hãy chạy `{again}` / "
            f"the register has it, but not all files are there: once that is mended, `{again}`"
        )
        raise


def _give_to_who_asked(folder: Path) -> None:
    """Who typed ``sudo`` carries the folder to its box, with programs that run as that user. Raises OSError."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and user.isdecimal() and group.isdecimal():
        folder.chmod(0o700)
        for path in (*folder.iterdir(), folder):
            os.chown(path, int(user), int(group), follow_symlinks=False)


def tell(register: Register, made: dict[str, Made], places: Places, needs_restart: bool, as_json: bool) -> None:
    """What was made on standard output, what to do next on standard error."""
    until = {each: one.expires if isinstance(one, Issued) else None for each, one in made.items()}
    if as_json:
        rows = [
            {"id": each, "folder": str(places.out / each), "expires": end and iso(end)} for each, end in until.items()
        ]
        click.echo(compact({"made": rows, "broker_folder": str(places.broker), "reload": RELOAD}))
    else:
        for each, end in until.items():
            ends = "mật khẩu / password" if end is None else f"đến / until {end:%Y-%m-%d}"
            click.echo(f"{each}: {places.out / each} · {ends}")
    _tell_what_to_carry(register, made)
    link = f"sudo ln -sf {places.broker.absolute()}/mosquitto.conf /etc/mosquitto/conf.d/diemcau.conf"
    if needs_restart:
        complain(
            "máy chủ phải khởi động lại một lần / the broker has to be restarted once (new certificate or ports): "
            f"{link}; {RESTART}"
        )
    else:
        complain(f"để máy chủ nhận quyền mới / for the broker to take the new rights: {RELOAD}")


def _tell_what_to_carry(register: Register, made: dict[str, Made]) -> None:
    roles = {member.role == "site" for member in register.members if member.id in made}
    if True in roles:
        complain(
            f"chép cả thư mục sang hộp; ở đó `sudo ./install.sh --identity THƯ-MỤC` đặt các tệp vào {ON_THE_BOX}/; rồi "
            "xoá ở đây / copy the folder to the box; `sudo ./install.sh --identity FOLDER` puts the files into their "
            "place there; then delete it here"
        )
    if False in roles:
        complain(
            f"chép các tệp vào {ON_THE_BOX}/ của máy đó, khoá (.key) và mật khẩu (.password) chỉ cho một người dùng "
            f"đọc, rồi xoá ở đây / copy the files to {ON_THE_BOX}/ over there (sudo chown NGƯỜI-DÙNG / USER, the .key "
            "or .password with mode 600), then delete them here"
        )


def end(authority: Authority, register: Register, id_: str, now: bool, may_stay: bool) -> None:
    """Let the broker know at once, or say how; and end what was open before, unless it ``may_stay``."""
    if now:
        reload_broker()
        if not may_stay:
            evict(authority, id_, broker_at(register.broker).port)
        complain("máy chủ đã đọc lại / the broker has read this")
    elif not may_stay:
        complain(
            f"máy chủ phải đọc lại / the broker has to read this: {RELOAD}; kết nối đang mở bằng chứng chỉ cũ chỉ đứt "
            "khi khởi động lại hoặc với --reload / a connection that is open with an old certificate ends with a "
            f"restart, or with --reload: {RESTART}"
        )


def warn_of_return(ids: set[str]) -> None:
    """Rights are by name: what was left open without rights has them again when the name comes back."""
    if ids:
        complain(
            f"{', '.join(sorted(ids))}: từng bị thu hồi, kết nối cũ còn mở sẽ có quyền trở lại; khởi động lại máy chủ "
            "thay cho đọc lại / was revoked before, and a connection still open from then gets its rights back: "
            f"restart the broker in the place of the reload: {RESTART}"
        )


def warn_of_local(member: Member) -> None:
    """Where client ids are free nobody's place can be taken. Sites are told the other port, passwords have theirs."""
    if member.role != "site" and member.password is None:
        complain(
            f"kết nối đang mở ở cổng {LOCAL_PORT} bằng chứng chỉ cũ vẫn giữ quyền cho đến khi khởi động lại máy chủ / "
            f"a connection that is open on port {LOCAL_PORT} with an old certificate keeps its rights, also with "
            f"--reload, until the broker is restarted: {RESTART}"
        )
