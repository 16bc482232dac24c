"""The recipient's mail system, by the hosts that take its mail."""

from __future__ import annotations

from collections.abc import Sequence

OTHER = "other"

# Suffixes with a leading dot: `notgoogle.com` is not Google. A host may be the name itself.
SUFFIXES: tuple[tuple[str, str], ...] = (
    (".google.com", "gmail"),
    (".googlemail.com", "gmail"),
    (".olc.protection.outlook.com", "outlook"),
    (".mail.protection.outlook.com", "m365"),
    (".mx.microsoft", "m365"),
    (".yahoodns.net", "yahoo"),
    (".mxs.mail.ru", "mailru"),
    (".emx.mail.ru", "mailru"),
    (".mx.yandex.ru", "yandex"),
    (".mx.yandex.net", "yandex"),
    (".icloud.com", "icloud"),
    (".mimecast.com", "mimecast"),
    (".pphosted.com", "proofpoint"),
)


def receiver(hosts: Sequence[str]) -> str:
    """Who takes the mail of a domain with these MX hosts; all must agree, or it is `other`."""
    named = {_of_host(host) for host in hosts}
    return named.pop() if len(named) == 1 else OTHER


def _of_host(host: str) -> str:
    dotted = f".{host.rstrip('.').lower()}"
    return next((name for suffix, name in SUFFIXES if dotted.endswith(suffix)), OTHER)
