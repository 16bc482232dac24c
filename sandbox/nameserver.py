"""A DNS server over UDP and TCP that answers from the receivers table."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from sandbox.tables import Domain, World

TTL = 300
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Zone:
    """What the world's names resolve to."""

    world: World

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Names of mail hosts: they have an address and nothing else."""
        return frozenset(row.mx for row in self.world.domains.values() if row.mx)

    def answer(self, wire: bytes) -> bytes | None:
        """The answer to one query in wire form; None where the servers of that name are silent."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not isinstance(query, dns.message.QueryMessage) or not query.question:
            return None
        return self._reply(query)

    def _reply(self, query: dns.message.QueryMessage) -> bytes | None:
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        if name not in self.world.domains and name in self.hosts:
            return host(reply, name, asked.rdtype)
        row = self.world.domain(name)
        return WAYS[row.answer if row else "nxdomain"](reply, name, asked.rdtype, row)


Way = Callable[[dns.message.Message, str, dns.rdatatype.RdataType, Domain | None], bytes | None]


def host(reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> bytes:
    """A name with an A record only."""
    if kind == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "A", LOOPBACK))
    return finished(reply, name)


def exchanges(
    reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType, row: Domain | None
) -> bytes:
    """A domain with a mail exchanger."""
    if kind == dns.rdatatype.MX and row:
        reply.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "MX", f"10 {row.mx}."))
        return finished(reply, name)
    return host(reply, name, kind)


def implicit(reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType, _: Domain | None) -> bytes:
    """No MX: the address itself takes mail."""
    return host(reply, name, kind)


def null_mx(reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType, _: Domain | None) -> bytes:
    """RFC 7505: this domain says that it takes no mail."""
    if kind == dns.rdatatype.MX:
        reply.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "MX", "0 ."))
        return finished(reply, name)
    return host(reply, name, kind)


def empty(reply: dns.message.Message, name: str, _: dns.rdatatype.RdataType, __: Domain | None) -> bytes:
    """The name exists and has nothing to do with mail."""
    return finished(reply, name)


def absent(reply: dns.message.Message, name: str, _: dns.rdatatype.RdataType, __: Domain | None) -> bytes:
    """No such name."""
    reply.set_rcode(dns.rcode.NXDOMAIN)
    return finished(reply, name)


def broken(reply: dns.message.Message, *_: object) -> bytes:
    """The zone's own servers fail."""
    reply.set_rcode(dns.rcode.SERVFAIL)
    return reply.to_wire()


def silent(*_: object) -> None:
    """The zone's own servers never answer."""


WAYS: dict[str, Way] = {
    "mx": exchanges,
    "a_only": implicit,
    "null_mx": null_mx,
    "no_mx": empty,
    "nxdomain": absent,
    "servfail": broken,
    "timeout": silent,
}


def finished(reply: dns.message.Message, name: str) -> bytes:
    """The wire form; an empty answer carries the SOA that says for how long it is empty."""
    if not reply.answer:
        top = name.rpartition(".")[2] or name
        soa = f"ns.{top}. hostmaster.{top}. 1 7200 900 1209600 {TTL}"
        reply.authority.append(dns.rrset.from_text(f"{top}.", TTL, "IN", "SOA", soa))
    return reply.to_wire()


class Datagrams(asyncio.DatagramProtocol):
    """UDP: one datagram, one answer."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        answer = self.zone.answer(data)
        if answer is not None:
            self.transport.sendto(answer, addr)


async def serve_stream(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """TCP: each message is led by its length; the client ends it."""
    try:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            answer = zone.answer(await reader.readexactly(length))
            if answer is not None:
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def listen(world: World) -> tuple[int, asyncio.DatagramTransport, asyncio.Server]:
    """Serve UDP and TCP on one free port; a port that only TCP can have is given back."""
    zone = Zone(world)
    loop = asyncio.get_running_loop()
    while True:
        server = await asyncio.start_server(lambda r, w: serve_stream(zone, r, w), LOOPBACK, 0)
        port = int(server.sockets[0].getsockname()[1])
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(zone), (LOOPBACK, port))
        except OSError:
            server.close()
            continue
        return port, transport, server
