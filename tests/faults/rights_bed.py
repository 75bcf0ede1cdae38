"""A centre that runs from the files that ``diemcau site`` makes, and clients of its broker.

The broker runs as on Debian: a main file with ``include_dir``, and as the user mosquitto where the tests run as root.
A SUBACK says nothing (mosquitto grants every subscription), so the readers are judged by what they are sent, the
writers by what an all-seeing listener hears. No waiting for silence: what the broker has to send a client before it
acknowledges that client's next subscription has arrived with that acknowledgement.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

from agent.adapters.mosquitto import answers, free_port
from agent.adapters.mqtt_client import new_client
from agent.adapters.processes import spawn, stop
from agent.console.authority import Kind, open_or_make
from agent.console.site_admin import site as site_command
from agent.core.identity import BrokerSection
from tests.adapters.pki import broker_of
from tests.conftest import wait_for

Pair = tuple[Path, Path]

SITE, OTHER, BY_PASSWORD = "chi-linh", "nam-sach", "kinh-mon"
WHO = {SITE: "site", "ghi": "recorder", "hue": "viewer", "lan": "operator", "minh": "technician", "nha": "home",
       "la": "stranger"}  # fmt: skip
FROM_SITE = {"status", "about", "power", "readiness", "headcount", "health", "config/reported", "config/running",
             "history/headcount", "history/event", "command/result"}  # fmt: skip
TO_SITE = {"config/desired", "config/confirm", "history/ack", "conference", "command"}


class Centre:
    """A folder with authority, register and broker files, and a mosquitto that runs from them."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self._program = folder, program
        self.port, self.local_port, self.password_port = free_port(), free_port(), free_port()
        self.ca = folder / "ca" / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        for each in ("data", "conf.d"):
            (folder / each).mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder / "data", "mosquitto")
        (folder / "main.conf").write_text(  # Debian's own, in another place
            f"persistence true\npersistence_location {folder}/data/\nlog_dest file {folder}/data/mosquitto.log\n"
            f"log_type all\ninclude_dir {folder}/conf.d\n"
        )

    def site(self, *arguments: str) -> None:
        """``diemcau site …``, and the all-seeing user beside those whom it knows."""
        places = ["--ca-folder", str(self.folder / "ca"), "--broker-folder", str(self.folder / "broker")]
        if arguments[0] in ("add", "renew"):
            places += ["--out", str(self.folder / "out")]
        assert site_command.main([*arguments, *places], standalone_mode=False) == 0
        with (self.folder / "broker" / "acl").open("a") as acl:
            acl.write("\nuser all-seeing\ntopic readwrite #\n")

    def own(self, id_: str) -> Pair:
        """Certificate and key of somebody enrolled."""
        folder = self.folder / "out" / id_
        file = "site" if (folder / "site.pem").exists() else id_
        return folder / f"{file}.pem", folder / f"{file}.key"

    def by_password(self, id_: str, secret: str | None = None) -> BrokerSection:
        """What the identity file of somebody with a password says; ``secret`` in its place."""
        file = next((self.folder / "out" / id_).glob("*.password"), self.folder / "none")
        if secret is not None:
            file = self.folder / "guess"
            file.write_text(secret)
        url = f"mqtts://127.0.0.1:{self.password_port}"
        return BrokerSection(url=url, ca=str(self.ca), username=id_, password_file=str(file))

    def copy(self, id_: str) -> Pair:
        """What a thief has: it stays as it is when the files are renewed."""
        folder = self.folder / "stolen" / id_
        folder.mkdir(parents=True)
        pem, key = (Path(shutil.copy(each, folder)) for each in self.own(id_))
        return pem, key

    def issued(self, name: str, kind: Kind = "client", days: int = 1) -> Pair:
        """A certificate of the authority's own for whom the register does not know."""
        made = open_or_make(self.folder / "ca").issue(name, kind, days, ["localhost"] if kind == "server" else [])
        pem, key = (self.folder / "out" / f"{name}-{kind}{days}.{end}" for end in ("pem", "key"))
        pem.write_text(made.certificate)
        key.write_text(made.key)
        return pem, key

    def start(self, most: int | None = None, files: int | None = None) -> None:
        """``most``: so many connections to a port in the place of what the file says; ``files``: so many open files."""
        text = (self.folder / "broker" / "mosquitto.conf").read_text()
        for fixed, port in (
            (str(self.port), self.port),
            ("8884 127.0.0.1", self.local_port),
            ("8885", self.password_port),
        ):
            assert f"\nlistener {fixed}\n" in text
            text = text.replace(f"\nlistener {fixed}\n", f"\nlistener {port} 127.0.0.1\n")
        if most is not None:
            text, replaced = re.subn(r"\nmax_connections \d+\n", f"\nmax_connections {most}\n", text)
            assert replaced == 2
        (self.folder / "conf.d" / "diemcau.conf").write_text(text)
        limit = "" if files is None else f"ulimit -n {files}; "
        argv = ["sh", "-c", f'{limit}exec "$0" -c "$1"', self._program, str(self.folder / "main.conf")]
        with (self.folder / "output.log").open("ab") as output:
            self._process = spawn(argv, subprocess.DEVNULL, output)
        ports = (self.port, self.local_port, self.password_port)
        wait_for(lambda: all(map(answers, ports)), f"mosquitto listens: {self.log[-500:]}")

    def reload(self) -> None:
        """What ``systemctl reload mosquitto`` does."""
        assert self._process is not None
        before = self.log.count("Reloading config")
        self._process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log.count("Reloading config") > before, "mosquitto reloads")
        Peer(self, self.issued("all-seeing")).close()  # served after the reload is done
        assert self._process.poll() is None

    @property
    def pid(self) -> int:
        """The broker's, which runs."""
        assert self._process is not None
        assert self._process.poll() is None, self.log[-800:]
        return self._process.pid

    def restart(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        if self._process is not None:
            stop([self._process])
            self._process = None

    @property
    def log(self) -> str:
        files = (self.folder / "output.log", self.folder / "data" / "mosquitto.log")
        return "".join(each.read_text(errors="replace") for each in files if each.exists())


class RefusedError(Exception):
    """No CONNACK that says yes."""


class Peer:
    """A client that is connected when it has been made. Raises RefusedError."""

    def __init__(
        self,
        centre: Centre,
        own: Pair | BrokerSection | None,
        client_id: str = "",
        is_local: bool = False,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.ended = threading.Event()
        self._answered, self._connected = threading.Event(), False
        self._acknowledged: dict[int, Any] = {}
        port = centre.local_port if is_local else centre.port
        address = own if isinstance(own, BrokerSection) else broker_of(port, centre.ca, own)
        self._client = new_client(client_id or f"test-{os.urandom(4).hex()}", address)
        if will is not None:
            self._client.will_set(*will, qos=1)
        self._client.on_connect = lambda c, u, f, code, p: self._on_connect(code)
        self._client.on_disconnect = lambda *_: self._on_end()
        self._client.on_message = lambda c, u, m: self.heard.append((m.topic, bytes(m.payload), m.retain))
        self._client.on_publish = lambda c, u, mid, code, p: self._acknowledged.update({mid: code})
        self._client.on_subscribe = lambda c, u, mid, codes, p: self._acknowledged.update({mid: codes})
        try:
            self._client.connect("127.0.0.1", address.port, keepalive=20)
        except (ssl.SSLError, OSError) as error:
            raise RefusedError(str(error)) from error
        self._client.loop_start()
        assert self._answered.wait(15), "neither CONNACK nor a closed connection"
        if not self._connected:
            self.close()
            raise RefusedError("closed")

    def _on_connect(self, code: Any) -> None:
        self._connected = not code.is_failure
        self._answered.set()

    def _on_end(self) -> None:
        self._answered.set()
        self.ended.set()

    def publish(self, topics: list[str], payload: bytes, retain: bool) -> dict[str, bool]:
        """Publish to each; which of them the broker said yes to."""
        sent = {self._client.publish(each, payload, qos=1, retain=retain).mid: each for each in topics}
        self._wait(list(sent))
        return {each: not self._acknowledged[mid].is_failure for mid, each in sent.items()}

    def subscribe(self, topics: list[str]) -> None:
        _, mid = self._client.subscribe([(each, 1) for each in topics])
        assert mid is not None
        self._wait([mid])

    def settle(self) -> None:
        """Until everything is here that the broker had for us when this was called."""
        self.subscribe(["nothing/here"])

    def topics(self, payload: bytes) -> set[str]:
        return {topic for topic, said, _ in self.heard if said == payload}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Go without a DISCONNECT."""
        end = self._client.socket()
        assert isinstance(end, socket.socket)  # TLS's are too
        end.shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(5)
        self._client.loop_stop()

    def _wait(self, mids: list[int]) -> None:
        wait_for(lambda: all(mid in self._acknowledged for mid in mids) or self.ended.is_set(), "acknowledgements")
        assert not self.ended.is_set(), "the broker closed the connection"


def peer_of(centre: Centre, who: str) -> Peer:
    return Peer(centre, centre.issued(who) if WHO.get(who) == "stranger" else centre.own(who))


def is_admitted(centre: Centre, own: Pair | BrokerSection | None, is_local: bool = False) -> bool:
    """Whether the broker lets them in."""
    try:
        Peer(centre, own, is_local=is_local).close()
    except RefusedError:
        return False
    return True
