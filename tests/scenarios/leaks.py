"""What would give a picture away: in what a process says, in what it holds open, in what it was seen to call.

Each check answers with sentences, none where all is well, so the same check can be shown to catch an eye that leaks.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PER_FACE = 150  # bytes of a line: five numbers with all their digits, and their names
PER_LINE = 300
LONGEST_WORD = 64  # a SHA-256 in hex; the word of a picture would be longer
LONGEST_TEXT = 200
MOST_NUMBERS = 4  # in a row, without a name: a point has two

KEYS = {
    "EyeAlive": {"watch"},
    "EyeReady": {"watch", "detector", "model_sha256"},
    "EyeTrouble": {"watch", "reason", "message"},
    "FrameSeen": {
        "watch", "captured_s", "width", "height", "detections", "detect_ms", "luma_mean", "same_s",
        "work_width", "work_height", "tiles", "cpu_share", "interval_s",
    },
}  # fmt: skip
FACE = {"x", "y", "w", "h", "score"}

MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"WEBP", b"JFIF", b"/9j/", b"iVBOR", b"data:image")
WORD = re.compile(r"[^\s\"',:;{}\[\]()]{%d,}" % (LONGEST_WORD + 1))  # noqa: UP031 # braces are what it is about
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def in_text(raw: bytes) -> list[str]:
    """Of whatever is said: it has to be words."""
    found = [f"an image begins with {magic!r}" for magic in MAGIC if magic in raw]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return [*found, "bytes that are no text"]
    found += ["control characters" for _ in CONTROL.findall(text)[:1]]
    return found + [f"a word of {len(word)} characters: {word[:20]}…" for word in WORD.findall(text)]


def in_document(document: Any) -> list[str]:
    """Of a JSON document: neither long texts nor rows of numbers."""
    found = []
    for value in _values(document):
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            found.append(f"a text of {len(value)} characters")
        if isinstance(value, list) and sum(isinstance(one, int | float) for one in value) > MOST_NUMBERS:
            found.append(f"a row of {len(value)} numbers")
    return found


def in_message(raw: bytes, faces: int, per_line: int = PER_LINE) -> list[str]:
    """Of one message about a room with so many people in it."""
    found = in_text(raw)
    if len(raw) > per_line + PER_FACE * faces:
        found.append(f"{len(raw)} bytes for {faces} faces")
    try:
        return found + in_document(json.loads(raw or b"{}"))
    except ValueError:
        return [*found, "no JSON"]


def in_eye_lines(raw: bytes, faces: int) -> list[str]:
    """Of all that an eye sent while it looked at so many people."""
    found = [] if raw.endswith(b"\n") else ["an end that is no line"]
    for line in raw.splitlines():
        found += in_message(line, faces)
        try:
            document = json.loads(line)
        except ValueError:
            continue
        kind = document.pop("kind", None)
        if document.keys() != KEYS.get(kind, set()):
            found.append(f"{kind} with {sorted(document)}")
        boxes = document.get("detections", [])
        if len(boxes) > faces:
            found.append(f"{len(boxes)} boxes for {faces} faces")
        found += [f"a box with {sorted(box)}" for box in boxes if box.keys() != FACE]
    return found


def in_descriptors(pid: int, inherited: dict[int, str]) -> list[str]:
    """Of what a process holds open: ``inherited`` (0 to 2, as link targets) and what can only be read."""
    found, sockets = [], set()
    for fd, target in _descriptors(pid):
        if target.startswith("socket:"):
            sockets.add(target)
        if fd in inherited:
            if target != inherited[fd]:
                found.append(f"{fd} is {target}, not {inherited[fd]}")
        elif _is_writable(pid, fd) and not target.startswith(("socket:", "anon_inode:")):
            found.append(f"{fd} may write to {target}")
    if len(sockets) != 1:
        found.append(f"{len(sockets)} sockets")
    tables = (Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"))
    inodes = {target[len("socket:[") : -1] for target in sockets}
    for table in tables:
        if table.exists() and inodes & set(table.read_text().split()):
            found.append(f"a socket in {table.name}")
    unix = [line.split() for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]
    # Flags of a listening socket: __SO_ACCEPTCON. Source: proc_net_unix(5).
    found += ["it listens" for row in unix if row[6] in inodes and int(row[3], 16) & 0x10000]
    return found + in_memory(pid)


def in_memory(pid: int) -> list[str]:
    """Of memory that others could look into."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    shared = [line for line in maps if re.match(r"\S+ .w.s ", line) or "/dev/shm" in line or "memfd:" in line]
    return [f"shared memory: {line}" for line in shared]


def in_folders(before: dict[Path, tuple[int, int]], after: dict[Path, tuple[int, int]]) -> list[str]:
    """Of two snapshots: what is new, what has changed."""
    return [f"{path} was written" for path, status in after.items() if before.get(path) != status]


def snapshot(folders: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Every file under some folders, with its size and when it was written."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                status = path.lstat()
            except OSError:
                continue  # somebody else's, gone in between
            if not path.is_dir():
                found[path] = (status.st_size, status.st_mtime_ns)
    return found


# Source: strace(1). Calls that make, change or send something, whatever their arguments are.
FORBIDDEN = re.compile(
    r"^\d+ +(memfd_create|memfd_secret|shmget|shmat|mq_open|io_uring_setup|ptrace|process_vm_writev|creat|mkdir|"
    r"mkdirat|mknod|mknodat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|truncate|ftruncate|fallocate|bind|listen|"
    r"connect|accept|accept4|socketpair|sendmmsg|sendfile|splice|tee|vmsplice|copy_file_range)\("
)
OPEN = re.compile(r"^\d+ +(?:open|openat|openat2)\(.*?\"(.*?)\".*\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE)")
SENT = re.compile(r"^\d+ +(?:write|pwrite64|writev|pwritev|pwritev2|sendto|sendmsg)\((\d+)[,<]")
SOCKET = re.compile(r"^\d+ +socket\(")
TRACED = (
    "%file,%network,%desc,memfd_create,shmget,shmat,io_uring_setup,ptrace,process_vm_writev,mq_open,ftruncate,fallocate"
)


def in_trace(lines: Iterable[str]) -> list[str]:
    """Of what the kernel was asked for, by ``strace -f``: to send goes to the agent and to standard error only."""
    found = []
    for line in lines:
        if FORBIDDEN.match(line) or SOCKET.match(line):
            found.append(line.strip()[:120])
        if (opened := OPEN.match(line)) and opened[1] != "/dev/null":
            found.append(f"{opened[1]} opened with {opened[2]}")
        if (sent := SENT.match(line)) and sent[1] not in ("0", "2"):
            found.append(line.strip()[:120])
    return found


def _values(document: Any) -> Iterator[Any]:
    yield document
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _values(value)


def _descriptors(pid: int) -> Iterator[tuple[int, str]]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield int(entry.name), str(entry.readlink())
        except OSError:
            continue  # closed in between


def _is_writable(pid: int, fd: int) -> bool:
    try:
        flags = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().split("flags:")[1].split()[0]
    except OSError:
        return False
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
