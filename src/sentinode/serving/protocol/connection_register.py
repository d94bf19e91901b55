"""How many connections there are, by address: at a bound whoever has waited longest gives way to whoever comes."""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol


class Held(Protocol):
    """A connection."""

    def give_way(self) -> None:
        """Close at once."""


class ConnectionRegister:
    """A connection waits until its request is whole, and again when it is answered; meanwhile it is left alone.

    So a client that is let in gets its answer, and connections that are held open keep nobody out.
    """

    def __init__(self, most: int, most_of_one: int, trusted: Sequence[str] = ()) -> None:
        """Args:
        most: Connections in all.
        most_of_one: Connections of one address.
        trusted: Addresses and networks of proxies, which speak for many.
        """
        self._most, self._most_of_one = most, most_of_one
        self._trusted = [ipaddress.ip_network(one, strict=False) for one in trusted]
        self._of: dict[str, OrderedDict[Held, bool]] = {}
        """Address → its connections, those first that have waited longest, and whether each waits."""
        self._address: dict[Held, str] = {}

    def enter(self, connection: Held, client: str) -> bool:
        """Count a connection; another one may have to go for it. False: all of them are being answered."""
        address = address_of(client)
        own = self._of.setdefault(address, OrderedDict())
        bound = self._most if self._is_trusted(client) else self._most_of_one
        room = (len(own) < bound or self._drop(own)) and (
            len(self._address) < self._most or self._drop(max(self._of.values(), key=len))
        )
        self._of.setdefault(address, own)[connection] = True
        self._address[connection] = address
        return room

    def answering(self, connection: Held) -> None:
        """Its request is whole."""
        if (address := self._address.get(connection)) is not None:
            self._of[address][connection] = False

    def waiting(self, connection: Held) -> None:
        """It is answered."""
        if (address := self._address.get(connection)) is not None:
            own = self._of[address]
            own[connection] = True
            own.move_to_end(connection)

    def leave(self, connection: Held) -> None:
        """It is closed."""
        if (address := self._address.pop(connection, None)) is not None:
            own = self._of[address]
            del own[connection]
            if not own:
                del self._of[address]

    def _drop(self, own: "OrderedDict[Held, bool]") -> bool:
        longest = next((connection for connection, waits in own.items() if waits), None)
        if longest is None:
            return False
        self.leave(longest)
        longest.give_way()
        return True

    def _is_trusted(self, client: str) -> bool:
        try:
            return bool(self._trusted) and any(ipaddress.ip_address(client) in net for net in self._trusted)
        except ValueError:
            return False


@lru_cache(maxsize=4096)
def address_of(client: str) -> str:
    """What stands for one client: its IPv4 address, or its IPv6 network of 64 bits, which one machine has alone."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client
