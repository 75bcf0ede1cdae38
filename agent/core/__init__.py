"""The pure core: it decides about the room and touches nothing (standard library and pydantic only)."""
