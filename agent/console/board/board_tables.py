"""The board's own tables in the centre's database: users, sessions, and what was done. Made with all the others."""

from typing import Any

from sqlalchemy import Column, Engine, Float, Index, Integer, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

from agent.console.recorder_tables import META, NUMBER, SITE

NAME, KEY = String(40), String(200)

USER = Table(
    "board_user",
    META,
    Column("key", KEY, primary_key=True),  # the name whatever its letters' case is
    Column("name", NAME, nullable=False),
    Column("role", String(12), nullable=False),
    Column("password", Text, nullable=False),  # argon2's own form
    Column("created_s", Float, nullable=False),
)
SESSION = Table(
    "board_session",
    META,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the browser has: nobody signs in with a backup
    Column("user", KEY, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_s", Float, nullable=False),
    Column("seen_s", Float, nullable=False),
    Index("board_session_user", "user"),
)
ATTEMPT = Table(  # at signing in, that failed; here so that two boards count them together
    "board_attempt",
    META,
    Column("who", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_s", Float, nullable=False),
)
ACKNOWLEDGEMENT = Table(
    "acknowledgement",
    META,
    Column("site", SITE, primary_key=True),
    Column("issue", String(300), primary_key=True),
    Column("since_s", Float, primary_key=True),  # -1: it is not known since when
    Column("by", NAME, nullable=False),
    Column("at_s", Float, nullable=False),
)
ACTION = Table(
    "board_action",
    META,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("at_s", Float, nullable=False),
    Column("user", NAME, nullable=False),
    Column("site", SITE, nullable=False),  # empty: all
    Column("action", String(40), nullable=False),
    Column("args", Text, nullable=False),  # JSON
    Column("outcome", Text, nullable=False),  # JSON: state and reason
    Index("board_action_site", "site", "at_s"),
    Index("board_action_time", "at_s"),
)


def insert_into(engine: Engine, table: Table) -> Any:
    """An insert that can say what to do where the row is there already: both databases can, in their own words."""
    return (postgresql if engine.dialect.name == "postgresql" else sqlite).insert(table)
