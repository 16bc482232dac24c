"""Asks who takes the mail of a domain; what cannot be learned stays unknown (law 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver, Nameserver
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, Answer, NoAnswer

AT_ONCE = 64
TRY_SECONDS = 1.5
SECONDS = 3.0


class Mail(StrEnum):
    """What the DNS says of a domain's mail."""

    MX = "mx"
    IMPLICIT = "implicit"  # no MX: the domain's own address takes mail (RFC 5321 section 5.1)
    NULL_MX = "null_mx"  # it says that it takes none (RFC 7505)
    NO_MX = "no_mx"  # no such domain, or nothing there that takes mail
    UNKNOWN = "unknown"  # its servers failed or were silent: neither yes nor no
    NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class Exchange:
    """The answer for one domain; hosts by preference, small letters."""

    mail: Mail
    hosts: tuple[str, ...] = ()


NOT_ASKED = Exchange(Mail.NOT_ASKED)


async def exchanges(
    domains: Collection[str], servers: Sequence[str], *, at_once: int = AT_ONCE, seconds: float = SECONDS
) -> dict[str, Exchange]:
    """The answer for each domain, each asked once. `servers` are host:port; none means the system's."""
    resolver = _resolver(servers, seconds)
    gate = asyncio.Semaphore(at_once)

    async def ask(domain: str) -> tuple[str, Exchange]:
        async with gate:
            return domain, await _exchange(resolver, domain)

    return dict(await asyncio.gather(*(ask(domain) for domain in sorted(set(domains)))))


def _resolver(servers: Sequence[str], seconds: float) -> Resolver:
    resolver = Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [_server(server) for server in servers]
    resolver.timeout, resolver.lifetime = min(TRY_SECONDS, seconds), seconds
    return resolver


def _server(text: str) -> Nameserver:
    host, _, port = text.rpartition(":")
    return Do53Nameserver(host.strip("[]"), int(port))


async def _exchange(resolver: Resolver, domain: str) -> Exchange:
    try:
        return _read(await resolver.resolve(f"{domain}.", RdataType.MX))
    except NXDOMAIN:
        return Exchange(Mail.NO_MX)
    except NoAnswer:
        return await _implicit(resolver, domain)
    except (DNSException, OSError):
        return Exchange(Mail.UNKNOWN)


def _read(answer: Answer) -> Exchange:
    records = sorted(
        (record.preference, record.exchange.to_text(omit_final_dot=True).lower()) for record in answer
    )
    hosts = tuple(host for _, host in records if host not in ("", ".", "@"))
    return Exchange(Mail.MX, hosts) if hosts else Exchange(Mail.NULL_MX)


async def _implicit(resolver: Resolver, domain: str) -> Exchange:
    for kind in (RdataType.A, RdataType.AAAA):
        try:
            await resolver.resolve(f"{domain}.", kind)
        except NXDOMAIN:
            return Exchange(Mail.NO_MX)
        except NoAnswer:
            continue
        except (DNSException, OSError):
            return Exchange(Mail.UNKNOWN)
        return Exchange(Mail.IMPLICIT, (domain,))
    return Exchange(Mail.NO_MX)
