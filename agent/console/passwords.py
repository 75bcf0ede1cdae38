"""Passwords for boxes that cannot take a certificate: made here, never chosen, and told to nobody but the box.

The broker gets a hash in the form that mosquitto_passwd writes: ``$7$iterations$salt$hash``, PBKDF2 with SHA-512.
"""

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass, field

SECRET_BYTES = 32
# As mosquitto_passwd has it. More would protect nothing, for nobody guesses 256 random bits, and the broker hashes
# each CONNECT on its only thread: three hundred sites come back at once.
ITERATIONS = 101
SALT_BYTES, HASH_BYTES = 12, 64


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password and what the broker gets of it. Neither is in any text that this object prints."""

    secret: str = field(repr=False)
    hash: str = field(repr=False)


def new_password() -> NewPassword:
    """One that nobody has seen yet."""
    secret, salt = secrets.token_urlsafe(SECRET_BYTES), os.urandom(SALT_BYTES)
    return NewPassword(secret, _hashed(secret, salt))


def _hashed(secret: str, salt: bytes) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ITERATIONS, HASH_BYTES)
    return f"$7${ITERATIONS}${_base64(salt)}${_base64(digest)}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
