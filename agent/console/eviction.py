"""Have the broker read its files again, and end the connection of somebody who has lost the right to it.

mosquitto asks for a certificate at CONNECT only: an open connection outlives its revocation. But of two connections
with one name the newer stays. So the authority, which can make a certificate for any name, connects once as whoever is
to go: after the reload, so that nobody comes back in, and with Clean Start, so that the session goes too.
Not so on the port where client ids are free: there a connection ends with the broker.
"""

import subprocess
import tempfile
import threading
from pathlib import Path

from paho.mqtt.client import Client

from agent.adapters.mqtt_client import new_client
from agent.console.authority import Authority, AuthorityError
from agent.core.errors import LinkError
from agent.core.identity import BrokerSection

RELOAD = ("systemctl", "reload", "mosquitto")
RELOAD_S, ANSWER_S = 30.0, 10.0


def reload_broker() -> None:
    """Have mosquitto on this machine read its files again.

    Raises:
        AuthorityError: That could not be done.
    """
    try:
        done = subprocess.run(RELOAD, capture_output=True, text=True, timeout=RELOAD_S, check=False)
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        done, said = None, str(error)
    if done is None or done.returncode:
        raise AuthorityError(
            f"đã ghi tệp nhưng máy chủ chưa đọc lại, hãy tự chạy `sudo {' '.join(RELOAD)}` / "
            f"the files are written, but the broker has not read them: run `sudo {' '.join(RELOAD)}` ({said})"
        )


def evict(authority: Authority, id_: str, port: int) -> None:
    """End the open connection of ``id_`` at the broker on this machine, where there is one.

    Raises:
        AuthorityError: The broker cannot be reached; nothing was ended.
    """
    with tempfile.TemporaryDirectory() as name:  # for its owner alone
        folder, made = Path(name), authority.issue(id_, "client", days=1)
        for file, text in (("ca.pem", authority.pem), ("pem", made.certificate), ("key", made.key)):
            (folder / file).write_text(text)
        broker = BrokerSection(
            url=f"mqtts://127.0.0.1:{port}", ca=f"{name}/ca.pem", certificate=f"{name}/pem", key=f"{name}/key"
        )
        try:
            _connect_once(new_client(id_, broker), port)
        except (OSError, LinkError) as error:
            raise AuthorityError(
                "máy chủ đã đọc lại, nhưng chưa ngắt được kết nối đang mở: `sudo systemctl restart mosquitto` / the "
                f"broker has read the files, but the open connection may still be there: restart it ({error})"
            ) from error


def _connect_once(client: Client, port: int) -> None:
    answered, accepted = threading.Event(), threading.Event()

    def on_connect(_client: object, _user: object, _flags: object, code: object, _properties: object) -> None:
        if not getattr(code, "is_failure", True):
            accepted.set()
        answered.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: answered.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    answered.wait(ANSWER_S)
    client.disconnect()
    client.loop_stop()
    if not accepted.is_set():
        raise OSError("the broker did not let the authority in")
