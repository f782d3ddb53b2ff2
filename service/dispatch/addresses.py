"""Which addresses webhooks may reach: public ones, and those that the settings allow."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for a port."""

_PUBLIC_IPV6 = ip_network("2000::/3")
_WITH_IPV4_INSIDE = (ip_network("2001::/32"), ip_network("2002::/16"))
"""Teredo and 6to4: who routes them reaches the IPv4 address that they hold."""


class AddressRefused(Exception):
    """The host has no address that may be reached; the message names no address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that this machine's resolver knows.

    Raises:
        OSError: Where it knows none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in found]


@dataclass(frozen=True, slots=True)
class Reachable:
    """The addresses that may be reached.

    Attributes:
        networks: Allowed beside the public ones.
        resolve: Asked once for each notice; what it answers is checked, and connected to.
    """

    networks: tuple[Network, ...] = ()
    resolve: Resolve = resolve

    async def address_of(self, host: str, port: int) -> str:
        """The address to connect to.

        Raises:
            AddressRefused: Where the host is not known, or has an address that is not allowed.
        """
        try:
            found = [ip_address(text) for text in await self.resolve(host, port)]
        except (OSError, ValueError) as error:
            raise AddressRefused("its host is not known") from error
        if not found or not all(map(self.allows, found)):
            raise AddressRefused("its host has an address that webhooks may not reach")
        return str(found[0])

    def allows(self, address: Address) -> bool:
        """Whether an address may be reached."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return _is_public(address) or any(address in network for network in self.networks)


def _is_public(address: Address) -> bool:
    """Whether it is a machine's on the internet: not private, loopback, link-local or many's."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        embeds = any(address in network for network in _WITH_IPV4_INSIDE)
        return address in _PUBLIC_IPV6 and not embeds
    return True
