"""The one sentence for an error: what kind it is in Vietnamese, then the English that says what to do.

The English comes from click, or from wherever it went wrong; of click's only what is said every day is translated. Who
runs a site shall see at once whether the typing, a file, the broker or this machine is to be looked at.
"""

import errno
import re

import click

from agent.core.errors import (
    AgentError,
    BilingualError,
    ConfigError,
    DemoError,
    LinkError,
    RunningError,
    SheetError,
    StoreError,
)

# What site staff and the centre meet. Counting a file is for who builds and tries this, in English.
KINDS: tuple[tuple[type[AgentError], str], ...] = (
    (SheetError, "bảng chưa đúng"),
    (ConfigError, "tệp cấu hình chưa đúng"),
    (StoreError, "không dùng được cơ sở dữ liệu"),
    (RunningError, "đã có chương trình khác đang chạy với thư mục này"),
    (LinkError, "không dùng được máy chủ (broker)"),
    (DemoError, "không chạy thử được trên máy này"),
)

NOT_PERMITTED = ("không có quyền đọc hoặc ghi ở đó", "do it as somebody who may, or name another place")
NO_ROOM = ("hết chỗ trống, hãy dọn chỗ hoặc chọn nơi khác", "make room or name another place")
DISK = {
    errno.ENOENT: ("không có tệp hoặc thư mục này, hãy kiểm tra đường dẫn", "look at the path"),
    errno.ENOTDIR: ("đường dẫn đi qua một tệp, hãy kiểm tra đường dẫn", "look at the path"),
    errno.EISDIR: ("đây là thư mục, hãy ghi tên một tệp", "name a file"),
    errno.EEXIST: ("đã có tệp ở đó, hãy chọn nơi khác", "name another place"),
    errno.EACCES: NOT_PERMITTED,
    errno.EPERM: NOT_PERMITTED,
    errno.EROFS: ("nơi đó chỉ đọc được, hãy chọn nơi khác", "name another place"),
    errno.ENOSPC: NO_ROOM,
    errno.EDQUOT: NO_ROOM,
}
OTHER_DISK = ("không đọc hoặc ghi được tệp, hãy kiểm tra ổ đĩa hoặc chọn nơi khác", "look at the disk, or elsewhere")
# click says these in English only; what is not among them stays as it is.
WRONG_USE = (
    (r"Missing (?:option|argument) '(?P<what>.+?)'", "thiếu {what}"),
    (r"No such option:? '?(?P<what>[^\s'.]+)", "không có tuỳ chọn {what}"),
    (r"No such command '(?P<what>.*?)'", "không có lệnh {what}"),
    (r"Option '(?P<what>.+?)' requires an argument", "sau {what} phải có giá trị"),
    (r"Got unexpected extra arguments? \((?P<what>.*)\)", "thừa {what}"),
    (r"which broker\?", "chưa biết máy chủ (broker), ghi --broker URL"),
    (r"Invalid value for '(?P<what>.+?)': .* is not in the range (?P<these>.+)\.$", "{what} phải trong khoảng {these}"),
    (r"Invalid value for '(?P<what>.+?)': .* is not one of (?P<these>.+)\.$", "{what} phải là một trong {these}"),
    (r"Invalid value for '(?P<what>.+?)': .* is not a valid integer", "{what} phải là số nguyên"),
    (r"Invalid value for '(?P<what>.+?)': .* is not a (?:valid float|finite number)", "{what} phải là số"),
    (r"Invalid value for '(?P<what>.+?)': .*: a site id is", "{what} phải là mã điểm cầu: các từ a-z, 0-9 nối bằng -"),
)


def of_use(error: click.UsageError) -> str:
    """Wrong use of the command line, with how to find out about the right one."""
    help_ = f"`{error.ctx.command_path if error.ctx else 'diemcau'} --help`"
    sentence = " ".join(_without_hidden(error).format_message().split())  # click lists choices on lines of their own
    return f"lệnh chưa đúng{_what_is_wrong(sentence)}, xem {help_} / {sentence} Try {help_}."


def _what_is_wrong(sentence: str) -> str:
    for pattern, vietnamese in WRONG_USE:
        if found := re.match(pattern, sentence):
            return ": " + vietnamese.format_map(found.groupdict())
    return ""


def of_agent(error: AgentError) -> str:
    """An error of ours, which is one English sentence already."""
    if isinstance(error, BilingualError) and error.vietnamese:
        return f"{error.vietnamese} / {error}"
    kind = next((words for each, words in KINDS if isinstance(error, each)), None)
    return str(error) if kind is None else f"{kind} / {error}"


def of_disk(error: OSError) -> str:
    """A file that cannot be written or read where nobody expected it."""
    where = error.filename or "writing the results"
    vietnamese, english = DISK.get(error.errno or 0, OTHER_DISK)
    return f"{vietnamese} / {error.strerror or error}: {where}; {english}"


def _without_hidden(error: click.UsageError) -> click.UsageError:
    """click proposes what is spelled alike, also options that are no one's business but our tests'."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or not error.possibilities:
        return error
    options = [each for each in error.ctx.command.params if isinstance(each, click.Option) and each.hidden]
    hidden = {name for each in options for name in (*each.opts, *each.secondary_opts)}
    shown = [name for name in error.possibilities if name not in hidden]
    return click.NoSuchOption(error.option_name, error.message, shown, error.ctx)
