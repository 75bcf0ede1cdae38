"""What one box or person gets: a folder with the files that belong into ``/etc/diemcau`` over there."""

import json
from pathlib import Path

from agent.adapters.files import write_durably
from agent.console.authority import Issued
from agent.console.broker_files import LOCAL_PORT, PASSWORD_PORT
from agent.console.enrolment import Member
from agent.console.passwords import NewPassword
from agent.console.sites import plain
from agent.core.identity import broker_at

ON_THE_BOX = "/etc/diemcau"

Made = Issued | NewPassword


def write_box(folder: Path, member: Member, made: Made, url: str, ca: str) -> None:
    """Write the folder: identity, the authority's certificate, and certificate and key or a password.

    Args:
        folder: Made where it is not there; what else lies in it stays.
        member: Whose it is.
        made: What was made for it just now.
        url: The broker's address as those with a certificate reach it.
        ca: The authority's certificate.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = "site" if member.role == "site" else member.id  # several of the centre's own may live on one machine
    open_to_all = {
        "ca.pem": ca,
        "agent.toml" if member.role == "site" else "centre.toml": _identity(member, made, url, file),
    }
    if isinstance(made, Issued):
        write_durably(folder / f"{file}.key", made.key)  # which makes it with mode 0600
        open_to_all[f"{file}.pem"] = made.certificate
    else:
        write_durably(folder / f"{file}.password", made.secret + "\n")
    for name, text in open_to_all.items():
        write_durably(folder / name, text)
        (folder / name).chmod(0o644)


def _identity(member: Member, made: Made, url: str, file: str) -> str:
    title = f"# {member.id}: {plain(member.name)}" if member.name else f"# {member.id}"
    lines = [f"{title} ({member.role})", ""]
    if member.role == "site":
        lines += [f"site = {json.dumps(member.id)}", ""]
    elif isinstance(made, Issued):
        lines += [
            f"# On the broker's own machine mqtts://localhost:{LOCAL_PORT} lets several commands run at once.",
            "",
        ]
    if isinstance(made, Issued):
        proof = [f'certificate = "{ON_THE_BOX}/{file}.pem"', f'key = "{ON_THE_BOX}/{file}.key"']
    else:
        proof = [f"username = {json.dumps(member.id)}", f'password_file = "{ON_THE_BOX}/{file}.password"']
        url = password_url(url)
    lines += ["[broker]", f"url = {json.dumps(url)}", f'ca = "{ON_THE_BOX}/ca.pem"', *proof]
    return "\n".join(lines) + "\n"


def password_url(url: str) -> str:
    """The same broker's address for those with a password."""
    host = broker_at(url).host
    return f"mqtts://{f'[{host}]' if ':' in host else host}:{PASSWORD_PORT}"
