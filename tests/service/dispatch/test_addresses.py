"""Webhooks reach public addresses and what the settings allow, whatever a name resolves to."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest

from service.dispatch.addresses import AddressRefused, Reachable, resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.251",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2001:0:7f00:1::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ],
)
def test_no_address_of_this_or_a_near_machine_is_public(address: str) -> None:
    assert not Reachable().allows(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_reached(address: str) -> None:
    assert Reachable().allows(ip_address(address))


def test_the_settings_allow_their_networks_and_no_others() -> None:
    reachable = Reachable((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    for address in ("10.1.9.9", "::ffff:10.1.9.9", "fd00::1"):
        assert reachable.allows(ip_address(address))
    for address in ("10.2.0.1", "169.254.169.254", "::1"):
        assert not reachable.allows(ip_address(address))


@pytest.mark.parametrize(
    "found", [[], ["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["nothing"]]
)
def test_one_address_that_is_not_allowed_refuses_the_host(found: list[str]) -> None:
    async def answer(_host: str, _port: int) -> Sequence[str]:
        return found

    with pytest.raises(AddressRefused) as refusal:
        asyncio.run(Reachable(resolve=answer).address_of("host.example", 80))
    assert not any(address in str(refusal.value) for address in found)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "::1"])
def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        asyncio.run(Reachable(resolve=resolve).address_of(host, 80))
