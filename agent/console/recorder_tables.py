"""The tables of the centre's database, the same on SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

META = MetaData()
SITE, EPOCH = String(63), String(36)
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite's INTEGER has 64 bits

ROW = Table(
    "history_row",
    META,
    Column("site", SITE, primary_key=True),
    Column("epoch", EPOCH, primary_key=True),
    Column("seq", NUMBER, primary_key=True),
    Column("topic", String(20), nullable=False),
    Column("at_s", Float, nullable=False),  # seconds since 1970, corrected
    Column("said_at_s", Float, nullable=False),  # as the site said
    Column("clock", String(8), nullable=False),
    Column("boot_id", String(36), nullable=False),
    Column("uptime_s", Float, nullable=False),
    Column("received_s", Float, nullable=False),
    Column("prev", NUMBER, nullable=False),  # the row before it that the site still has
    # A headcount's
    Column("from_s", Float),
    Column("to_s", Float),
    Column("value", Integer),
    Column("people_minutes", Float),
    Column("unknown_s", Float),
    Column("conference", String(64)),
    # An event's
    Column("kind", String(40)),
    Column("severity", String(8)),
    # All of it, as JSON
    Column("payload", Text, nullable=False),
    Index("history_row_time", "site", "at_s"),
    Index("history_row_boot", "site", "boot_id", "clock"),
)
PROGRESS = Table(
    "progress",
    META,
    Column("site", SITE, primary_key=True),
    Column("epoch", EPOCH, primary_key=True),
    Column("upto", NUMBER, nullable=False),
)
PUSH = Table(
    "config_pushes",
    META,
    Column("site", SITE, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("revision", NUMBER, nullable=False),
    Column("base", NUMBER),  # what the sender saw running
    Column("issued_by", String(200), nullable=False),  # a claim
    Column("issued_at_s", Float, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("received_s", Float, nullable=False),
)
SITE_NAME = Table(  # what a site last said of itself on `about`
    "site",
    META,
    Column("site", SITE, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("path", Text, nullable=False),  # a JSON list: province, commune, …
    Column("timezone", String(64), nullable=False),
    Column("said_at_s", Float, nullable=False),
)
SUMMONS = Table(  # the newest `conference` of each id that a site was sent
    "summons",
    META,
    Column("site", SITE, primary_key=True),
    Column("conference", String(64), primary_key=True),
    Column("title", String(400), nullable=False),
    Column("starts_at_s", Float, nullable=False),
    Column("ends_at_s", Float, nullable=False),
    Column("summoned", Integer),
    Column("roll_calls", Text, nullable=False),  # a JSON list of seconds since 1970
    Column("lock", Boolean, nullable=False),
    Column("power_on_minutes", Float),
    Column("received_s", Float, nullable=False),
    Column("cleared_s", Float),  # when it was taken back; empty: it was not
    Index("summons_conference", "conference"),
)
# Each change of a site's `status`. `connection` grows within a session; on a new disk it begins at one again.
PRESENCE = Table(
    "presence",
    META,
    Column("site", SITE, primary_key=True),
    Column("session", String(36), primary_key=True),  # one run of the agent
    Column("connection", NUMBER, primary_key=True),
    Column("state", String(8), primary_key=True),  # running, stopped, lost
    Column("at_s", Float, nullable=False),
    Column("boot_id", String(36), nullable=False),
    Index("presence_time", "site", "at_s"),
)
BOOT = Table(
    "boot",
    META,
    Column("site", SITE, primary_key=True),
    Column("boot_id", String(36), primary_key=True),
    Column("began_s", Float, nullable=False),  # seconds since 1970 at the machine's start
)
