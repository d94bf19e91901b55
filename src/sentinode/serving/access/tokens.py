"""Who may do what: bearer tokens, of which only a slow hash is kept; three roles, each with the rights before it."""

import hashlib
import hmac
import json
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sentinode.core.errors import SentinodeError
from sentinode.core.files import atomic_file

Role = Literal["viewer", "reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

_LOG = logging.getLogger("sentinode.serving")
_N, _R, _P = 2**14, 8, 1
"""scrypt's cost: 16 MiB and some 50 ms a token (RFC 7914; OWASP's least for interactive logins is 2^14 with r=8)."""
_REMEMBERED = 1000
_KEY_SALT = hashlib.sha256(b"sentinode api-key sessions").digest()[:16]
"""The same at every start, so that a restart ends no session. What is made with it is held in memory only."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KEY_NAME, _LOCAL_NAME = "api-key", "local"
_TAKEN = frozenset({_KEY_NAME, _LOCAL_NAME})
"""Names that no user may have: whoever has one would be taken for the operator."""
_NOBODY = f"scrypt${_N}${_R}${_P}${'00' * 16}${'00' * 64}"
"""Checked where no user has the token's name, so that the time tells nobody which names there are."""

_PUBLIC = frozenset({"/", "/health/live", "/health/ready", "/session", "/favicon.ico", "/favicon.svg"})
_ASKING = re.compile(r"/predict(/batch)?|/explain|/slides/[^/]+/explain")
"""POST requests that change nothing but the log."""


@dataclass(frozen=True)
class User:
    """Somebody with a role."""

    name: str
    role: Role
    credential: str = field(default="", compare=False, repr=False)
    """Digest of the hash of the user's token, which changes with it: sessions are bound to it."""

    def may(self, role: Role) -> bool:
        """Whether the user has the rights of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = User(_LOCAL_NAME, "admin")
"""Whoever reaches a server whose access is off."""


def required_role(method: str, path: str) -> Role | None:
    """The least role for a request; None: anybody."""
    if path in _PUBLIC or path.startswith("/assets/"):
        return None
    if path == "/models" or path.startswith("/models/"):
        return "admin"
    if method in {"GET", "HEAD"} or (method == "POST" and _ASKING.fullmatch(path)):
        return "viewer"
    return "reviewer"


def hash_token(token: str, salt: bytes | None = None) -> str:
    """`scrypt$N$r$p$salt$hash`, salt and hash in hexadecimal."""
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(token.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${digest.hex()}"


def new_token(name: str) -> str:
    """A token of 256 random bits, which begins with the user's name, so that one hash is enough to check it."""
    return f"{name}.{secrets.token_urlsafe(32)}"


class Users:
    """The user file: JSON, one object a user with `name`, `role` and `token` (its hash)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, tuple[User, str]]:
        """Users and token hashes by name.

        Raises:
            SentinodeError: The file can't be read, or is no user file.
        """
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
            found = {}
            for entry in entries:
                user = _user_of(entry)
                found[user.name] = user, entry["token"]
        except FileNotFoundError as error:
            raise SentinodeError(
                f"there is no user file {self.path}; make one with sentinode users add {self.path} NAME"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SentinodeError(f"{self.path} is no user file ({error}); make one with sentinode users add") from error
        return found

    def add(self, name: str, role: str) -> str:
        """Add a user, or give one a new token and role; returns the token, which is kept nowhere.

        Raises:
            SentinodeError: The name or the role can't be.
        """
        if not _is_name(name):
            raise SentinodeError(
                f"{name!r} can't be a user's name; use letters, digits, - and _, at most 64, and none of "
                f"{', '.join(sorted(_TAKEN))}"
            )
        if role not in ROLES:
            raise SentinodeError(f"there is no role {role!r}; choose one of {', '.join(ROLES)}")
        users = self.read() if self.path.exists() else {}
        token = new_token(name)
        users[name] = User(name, role), hash_token(token)
        self._write(users)
        return token

    def remove(self, name: str) -> None:
        """Remove a user.

        Raises:
            SentinodeError: There is none of this name.
        """
        users = self.read()
        if name not in users:
            raise SentinodeError(f"{self.path} has no user {name!r}; it has {', '.join(users) or 'none'}")
        del users[name]
        self._write(users)

    def _write(self, users: dict[str, tuple[User, str]]) -> None:
        entries = [{"name": user.name, "role": user.role, "token": token} for user, token in users.values()]
        with atomic_file(self.path) as temporary:
            temporary.touch(0o600)
            temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


class Access:
    """Tokens to users. Of a token that was found good, a fast hash is remembered until the user file changes."""

    def __init__(self, users: Path | None = None, api_key: str | None = None) -> None:
        """Access by a user file, an API key (role admin), both, or, without either, off.

        Raises:
            SentinodeError: The user file can't be read.
        """
        self._file = Users(users) if users else None
        self._changed = self._stamp()  # before it is read: a change meanwhile is seen at the next look
        self._users = self._file.read() if self._file else {}
        self._key = hash_token(api_key, _KEY_SALT) if api_key else None
        self.required = bool(self._file or self._key)
        self._known: OrderedDict[bytes, User] = OrderedDict()

    def remembered(self, token: str) -> User | None:
        """The user of a token that was found good before, by the user file as it is now."""
        self._reload()
        return self._known.get(_fast(token))

    def question(self, token: str) -> Hashable:
        """Equal for equal tokens while the user file stays as it is: what is asked is then the same."""
        return self._changed, _fast(token)

    def check(self, token: str) -> User | None:
        """The user of a token; takes some 50 ms and 16 MiB, so it is called in a thread, one token at a time."""
        users = self._users
        user = self._check(token, users)
        if user and users is self._users:  # otherwise the file has changed meanwhile, perhaps just for this user
            self._known[_fast(token)] = user
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return user

    def named(self, name: str) -> User | None:
        """The user of that name, with the role and the credential that the file has now."""
        self._reload()
        if self._key and name == _KEY_NAME:
            return _operator(self._key)
        found = self._users.get(name)
        return found[0] if found else None

    def _check(self, token: str, users: dict[str, tuple[User, str]]) -> User | None:
        name, dot, _ = token.partition(".")
        if dot and name in users:
            user, known = users[name]
            return user if _matches(token, known) else None
        found = _matches(token, self._key or _NOBODY)
        return _operator(self._key) if found and self._key else None

    def _reload(self) -> None:
        if self._file is None or (stamp := self._stamp()) == self._changed:
            return
        self._changed = stamp
        try:
            self._users = self._file.read()
        except SentinodeError as error:
            self._users = {}  # a file that was taken away or damaged lets nobody in
            reason = type(error.__cause__).__name__
            _LOG.error("the user file can't be read (%s): nobody in it is let in until it can; mend it", reason)
        else:
            _LOG.info("the user file was changed: %d users", len(self._users))
        self._known.clear()

    def _stamp(self) -> tuple[int, ...]:
        try:
            stat = self._file.path.stat() if self._file else None
        except OSError:
            return ()
        # The clock of a file system ticks some 4 ms apart: a new token may come with the same time and the same size.
        return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino) if stat else ()


def _user_of(entry: dict[str, Any]) -> User:
    name, role = entry["name"], entry["role"]
    if role not in ROLES or not _is_name(name) or len(entry["token"].split("$")) != 6:
        raise ValueError(f"the entry of {name!r} is damaged")
    return User(name, role, _digest(entry["token"]))


def _operator(key_hash: str) -> User:
    return User(_KEY_NAME, "admin", _digest(key_hash))


def _digest(token_hash: str) -> str:
    return hashlib.sha256(token_hash.encode("utf-8", "surrogatepass")).hexdigest()


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _TAKEN


def _matches(token: str, known: str) -> bool:
    _, n, r, p, salt, digest = known.split("$")
    found = hashlib.scrypt(token.encode(), salt=bytes.fromhex(salt), n=int(n), r=int(r), p=int(p), maxmem=64 << 20)
    return hmac.compare_digest(found.hex(), digest)


def _fast(token: str) -> bytes:
    # Enough for 256 random bits; held in memory only.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
