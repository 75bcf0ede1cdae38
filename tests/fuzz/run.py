"""Fuzzing by coverage, where atheris is installed: ``python -m tests.fuzz.run [PARSER …] [--seconds N]``.

Each target of ``targets.py`` is tried in a process of its own, from its good documents on. What is found is printed
with its traceback, and the bytes lie in ``--keep``; a line in ``test_parsers.py`` then keeps it found. Ends with 1
where anything was.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MAX_BYTES = 4096
RUNS = re.compile(r"(?:Done|stat::number_of_executed_units:)\s+(\d+)")


def fuzz(name: str, corpus: Path, seconds: int) -> None:
    """Try one target until something is found or the time is over. Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["agent", "hw", "tomllib", "json", "csv"]):
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    found = f"{corpus.parent}/found-{corpus.name}-"
    flags = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-artifact_prefix={found}", "-timeout=20"]
    atheris.Setup([sys.argv[0], *flags, "-print_final_stats=1", str(corpus)], target.check)
    atheris.Fuzz()


def _in_a_process(name: str, keep: Path, seconds: int) -> bool:
    corpus = keep / name.replace("/", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "tests.fuzz.run", "--inside", name, "--keep", str(corpus), "--seconds", str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    runs = RUNS.findall(done.stderr)
    print(
        f"{name}: {runs[-1] if runs else '?'} runs, {'nothing found' if done.returncode == 0 else 'FOUND'}", flush=True
    )
    if done.returncode:
        print((done.stdout + done.stderr)[-6000:], flush=True)
    return done.returncode == 0


def main() -> int:
    """Try the targets that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("parsers", nargs="*", metavar="PARSER")
    parser.add_argument("--seconds", type=int, default=60, help="for each (60)")
    parser.add_argument("--keep", type=Path, help="folder for what is found (a new one)")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        fuzz(asked.inside, asked.keep, asked.seconds)
    from tests.fuzz.targets import TARGETS

    if unknown := set(asked.parsers) - set(TARGETS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="diemcau-fuzz-"))
    print(f"kept in {keep}", flush=True)
    good = [_in_a_process(name, keep, asked.seconds) for name in asked.parsers or TARGETS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
