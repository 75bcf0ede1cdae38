"""The broker that demo and tests start."""

import socket
from pathlib import Path

import psutil
import pytest

from agent.adapters import mosquitto
from agent.adapters.mosquitto import Mosquitto, answers
from agent.core.errors import DemoError


def test_it_listens_on_loopback_only_and_ends_without_a_trace(tmp_path: Path, mosquitto_program: str) -> None:
    running = Mosquitto(tmp_path)
    running.start()
    assert answers(running.port)
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == running.port}
    assert "127.0.0.1" in listening
    assert not {"0.0.0.0", "::"} & listening
    process = running._process
    assert process is not None
    running.close()
    assert process.poll() is not None
    assert not answers(running.port)


def test_a_port_in_use_is_one_sentence_that_says_what_to_do(tmp_path: Path, mosquitto_program: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(DemoError, match="is in use: choose another one with --port"):
            Mosquitto(tmp_path, port=taken.getsockname()[1]).start()


def test_no_mosquitto_is_one_sentence_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosquitto, "SYSTEM_FOLDERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match="apt-get install mosquitto"):
        Mosquitto(tmp_path)


def test_a_config_that_it_refuses_is_told_in_its_own_words(tmp_path: Path, mosquitto_program: str) -> None:
    with pytest.raises(DemoError, match="does not start"):
        Mosquitto(tmp_path, extra="no_such_option yes").start()
