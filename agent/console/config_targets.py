"""Which sites a command of the centre is for: named one by one, all, or a group of the hierarchy. Pure."""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping

import click

from agent.console.config_sites import SiteConfig
from agent.console.sites import plain
from agent.core.errors import quoted
from agent.core.identity import is_site_id

GROUPS_SHOWN = 20
NO_SUCH = "không có điểm cầu nào tên này / no such site is known"


def wanted(names: tuple[str, ...], all_: bool, group: str | None) -> tuple[str, ...]:
    """The sites that are named, each once. Raises click.UsageError: none or several ways at once, or no site's name."""
    if (bool(names), all_, group is not None).count(True) != 1:
        raise click.UsageError("which sites? Name them, or say --all, or --group NAME: one of the three.")
    for name in names:
        if not is_site_id(name):
            raise click.UsageError(f"{quoted(name)} is no site's id: words of a-z and 0-9 joined by -.")
    return tuple(dict.fromkeys(names))


def chosen(known: Mapping[str, SiteConfig], names: tuple[str, ...], all_: bool, group: str | None) -> tuple[str, ...]:
    """The sites, of those that the broker knows; one that is named is one even where it knows nothing of it.

    Raises:
        click.UsageError: Nobody is in the group; it says which groups there are.
    """
    if names:
        return names
    found = tuple(site for site in sorted(known) if all_ or is_in(known[site].path, group or ""))
    if not found and group is not None:
        raise click.UsageError(f"no site is in {plain(group)!r}; {_groups(known.values())}.")
    return found


def no_such(site: str, known: Iterable[str], sentence: str = NO_SUCH) -> str:
    """The sentence about a site that is named and that nobody knows, with the one that was probably meant."""
    close = difflib.get_close_matches(site, list(known), n=1)
    return f"{sentence}: {site}" + (f"; có phải là / did you mean {close[0]}?" if close else "")


def is_in(path: Iterable[str], group: str) -> bool:
    """Whether a site with this path is in the group: one of the path's elements, or ``A/B`` from its beginning.

    Upper or lower case is the same, and so is a letter with its accents in one piece or in several.
    """
    there, asked = [_folded(each) for each in path], [_folded(each) for each in group.split("/") if each.strip()]
    if len(asked) == 1:
        return asked[0] in there
    return bool(asked) and there[: len(asked)] == asked


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip()


def _groups(known: Iterable[SiteConfig]) -> str:
    names = sorted({each for site in known for each in site.path})
    if not names:
        return "no site says where it belongs (site.path)"
    more = ", …" if len(names) > GROUPS_SHOWN else ""
    return f"there are: {', '.join(map(repr, names[:GROUPS_SHOWN]))}{more}"
