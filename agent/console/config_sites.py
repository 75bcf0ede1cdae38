"""What the broker has stored of a site's config, as a fold of messages. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from agent.console.sites import Presence, Sites, SiteView, plain, take
from agent.core.config import RoomConfig, parse_kept
from agent.core.config_document import open_envelope, unfit
from agent.core.config_messages import ConfigDesired, ConfigReported, ConfigRunning
from agent.core.contract import MODELS, compact, decode, topic
from agent.core.errors import ConfigError

OF_THE_SITE = ("status", "about", "readiness")
OF_ITS_CONFIG = ("config/running", "config/reported", "config/desired")
NAMES = (*OF_THE_SITE, *OF_ITS_CONFIG)
UNDER_WAY = ("applying", "pending_confirm", "deferred")
WAITS = ("room_on", "switching")  # why an update has not begun: all others that are under way may run already


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """One site. ``stored`` is what lies on ``config/desired``, as it came; empty: nothing."""

    view: SiteView
    running: ConfigRunning | None = None
    reported: ConfigReported | None = None
    stored: bytes = b""

    @property
    def site(self) -> str:
        """Its id."""
        return self.view.site

    @property
    def title(self) -> str:
        """Id and name, for a heading."""
        return self.site if self.view.name == self.site else f"{self.site} · {self.view.name}"

    @property
    def presence(self) -> Presence:
        """Whether it is there."""
        return self.view.presence

    @property
    def is_unheard_of(self) -> bool:
        """Whether the broker has nothing at all of it: nobody has ever been there, or its name is a slip."""
        return self == SiteConfig(SiteView(self.site))

    @property
    def path(self) -> tuple[str, ...]:
        """Where it belongs, from the top."""
        return tuple(map(plain, self.view.about.path)) if self.view.about else ()

    @property
    def desired(self) -> ConfigDesired | None:
        """What lies on ``config/desired``, where that can be read."""
        return open_envelope(self.stored).desired if self.stored else None

    @property
    def under_way(self) -> ConfigReported | None:
        """What it says of an update that has not come to its end; None: there is none."""
        return self.reported if self.reported is not None and self.reported.state in UNDER_WAY else None

    @property
    def is_for_good(self) -> bool:
        """Whether what is stored was to stay: not somebody's update that was never confirmed."""
        stored, said = self.desired, self.reported
        if stored is None:
            return False
        return not stored.confirm_within_s or (said is not None and (said.id, said.state) == (stored.id, "applied"))

    @property
    def is_on_trial(self) -> bool:
        """Whether what runs may be a config that goes back yet."""
        said = self.under_way
        return said is not None and not (said.state == "deferred" and said.reason in WAITS)

    @property
    def next_revision(self) -> int:
        """One above every revision that is known of it, also of what it refused."""
        stored = open_envelope(self.stored).revision if self.stored else None
        running = (self.running.revision, self.running.settled) if self.running else ()
        said = (*running, self.reported.revision if self.reported else None)
        return max((each for each in (*said, stored) if each is not None), default=0) + 1

    @property
    def runs(self) -> RoomConfig | None:
        """What it runs with; None: it has not said, or says what this version cannot read."""
        if self.running is None:
            return None
        try:
            return parse_kept(compact(self.running.config), self.site)[0]
        except ConfigError:
            return None

    @property
    def of_another_version(self) -> bool:
        """Whether it says that its configs have other keys than those that are known here."""
        from agent.core.config_schema import schema_digest

        said = self.view.about.config_schema_digest if self.view.about else None
        return said is not None and said != schema_digest()


def heard(known: SiteConfig, name: str, raw: bytes) -> SiteConfig:
    """Take one message in. What cannot be read changes nothing, nor does a config that a terminal would obey."""
    if name == "config/desired":
        return replace(known, stored=raw)
    if name in OF_THE_SITE:
        sites, _ = take(Sites({known.site: known.view}), topic(known.site, name), raw)
        return replace(known, view=sites.by_id[known.site])
    if name not in OF_ITS_CONFIG:
        return known
    try:
        payload: Any = decode(MODELS[name], raw) if raw else None
    except ValueError:
        return known
    if name == "config/reported":
        return replace(known, reported=payload)
    return known if payload is not None and unfit(payload.model_dump()) else replace(known, running=payload)


def report_of(raw: bytes) -> ConfigReported | None:
    """What came on ``config/reported``, where it can be read."""
    try:
        return decode(ConfigReported, raw)
    except ValueError:
        return None
