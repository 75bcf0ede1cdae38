"""The one sentence for an error: what kind it is in Vietnamese, then the English that says what to do.

The English comes from click, or from wherever it went wrong; it is not translated sentence by sentence. Who runs a site
shall see at once whether the typing, a file, the broker or this machine is to be looked at.
"""

import click

from agent.core.errors import AgentError, BilingualError, ConfigError, LinkError, RunningError, StoreError

# What site staff and the centre meet. Counting a file and the demo are for who builds and tries this, in English.
KINDS: tuple[tuple[type[AgentError], str], ...] = (
    (ConfigError, "tệp cấu hình chưa đúng"),
    (StoreError, "không dùng được cơ sở dữ liệu"),
    (RunningError, "đã có chương trình khác đang chạy với thư mục này"),
    (LinkError, "không dùng được máy chủ (broker)"),
)


def of_use(error: click.UsageError) -> str:
    """Wrong use of the command line, with how to find out about the right one."""
    help_ = f"`{error.ctx.command_path if error.ctx else 'diemcau'} --help`"
    sentence = " ".join(_without_hidden(error).format_message().split())  # click lists choices on lines of their own
    return f"lệnh chưa đúng, xem {help_} / {sentence} Try {help_}."


def of_agent(error: AgentError) -> str:
    """An error of ours, which is one English sentence already."""
    if isinstance(error, BilingualError) and error.vietnamese:
        return f"{error.vietnamese} / {error}"
    kind = next((words for each, words in KINDS if isinstance(error, each)), None)
    return str(error) if kind is None else f"{kind} / {error}"


def of_disk(error: OSError) -> str:
    """A file that cannot be written or read where nobody expected it."""
    where = error.filename or "writing the results"
    vietnamese = "không đọc hoặc ghi được tệp, hãy dọn chỗ trống hoặc chọn nơi khác"
    return f"{vietnamese} / {error.strerror or error}: {where}; make room or name another place"


def _without_hidden(error: click.UsageError) -> click.UsageError:
    """click proposes what is spelled alike, also options that are no one's business but our tests'."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or not error.possibilities:
        return error
    options = [each for each in error.ctx.command.params if isinstance(each, click.Option) and each.hidden]
    hidden = {name for each in options for name in (*each.opts, *each.secondary_opts)}
    shown = [name for name in error.possibilities if name not in hidden]
    return click.NoSuchOption(error.option_name, error.message, shown, error.ctx)
