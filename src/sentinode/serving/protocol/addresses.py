"""Where a server may listen, what it is called, which pages and proxies it knows: checked before it starts."""

import ipaddress
import re
from collections.abc import Sequence

from sentinode.core.errors import SentinodeError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_ORIGIN = re.compile(r"https?://[^/\s?#@]+")
_ROOT_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access(host: str, *, protected: bool, insecure: bool) -> None:
    """Refuse to be open to others without a lock.

    Raises:
        SentinodeError: The address is not the loopback, and there is neither a key nor a user file.
    """
    if not (is_loopback(host) or protected or insecure):
        raise SentinodeError(
            f"{host} can be reached from other machines, and everybody there could use this server; give --users FILE "
            "or --api-key-file FILE, or --insecure if another program guards it"
        )


def allowed_hosts(host: str, names: tuple[str, ...], *, protected: bool) -> frozenset[str] | None:
    """Host names that are answered; None: any.

    Where no token is asked for, another page could have its own name point to this machine (DNS rebinding), and its
    scripts would then be taken for this server's own.
    """
    if names:
        return frozenset({*names, *LOOPBACK_NAMES})
    return LOOPBACK_NAMES | {host} if is_loopback(host) and not protected else None


def check_origins(origins: Sequence[str]) -> None:
    """Refuse what no browser would ever send as the origin of a page.

    Raises:
        SentinodeError: It is no scheme, host and port.
    """
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SentinodeError(
                f"{origin!r} is no origin of a page; give its scheme, host and port, as in https://viewer.example:8443"
            )


def check_proxies(proxies: Sequence[str]) -> None:
    """Refuse what is no address: a proxy is trusted by where it connects from.

    Raises:
        SentinodeError: It is neither an IP address nor a network.
    """
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise SentinodeError(
                f"{proxy!r} is no address of a proxy ({error}); give one like 10.0.0.5, or a network like 10.0.0.0/24"
            ) from error


def checked_root_path(path: str) -> str:
    """The server's path behind its proxy, without a slash at its end.

    Raises:
        SentinodeError: It is none.
    """
    bare = path.rstrip("/")
    if bare and not _ROOT_PATH.fullmatch(bare):
        raise SentinodeError(f"{path!r} can't be the server's path; give one like /sentinode")
    return bare
