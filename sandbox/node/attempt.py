"""One delivery attempt of a node, and how Postfix words its end."""

import re
from dataclasses import dataclass

from sandbox.receivers import Answer, Cut
from sandbox.tables import Domain

SENT, DEFERRED, BOUNCED = "sent", "deferred", "bounced"
NO_DATA = "Host found but no data record of requested type"
NO_HOST = "Host or domain name not found. Name service error for"
COMMANDS = {"rcpt": "RCPT TO command", "data": "end of DATA command"}
LOST = {"rcpt": "RCPT TO", "data": "end of data -- message may be sent more than once"}


@dataclass(frozen=True)
class Attempt:
    """Status, enhanced code, the sentence of the log, and what a report says of the remote side."""

    status: str
    dsn: str
    text: str
    relay: str = "none"
    remote: str = ""  # host that spoke
    diagnostic: str = ""  # what it said


def heard(host: str, stage: str, answer: Answer) -> Attempt:
    """The end of an attempt at a host that answered, or was cut off, at this stage."""
    peer = f"{host}[127.0.0.1]"
    if isinstance(answer, Cut):
        text = f"lost connection with {peer} while sending {LOST[stage]}"
        return Attempt(DEFERRED, "4.4.2", text, f"{peer}:25")
    said = " ".join(answer.lines)
    if answer.positive:
        return Attempt(SENT, code_of(said), said, f"{peer}:25")
    status = DEFERRED if said.startswith("4") else BOUNCED
    text = f"host {peer} said: {said} (in reply to {COMMANDS[stage]})"
    return Attempt(status, code_of(said), text, f"{peer}:25", host, said)


def code_of(said: str) -> str:
    """The enhanced status code of a reply; Postfix makes x.0.0 of one that has none."""
    found = re.match(r"\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b", said)
    return found[1] if found and found[1][0] == said[0] else f"{said[0]}.0.0"


def unreachable(name: str, domain: Domain | None) -> Attempt | None:
    """The end of an attempt at a domain that names no host to ask; None where there is one."""
    return {
        "nxdomain": Attempt(BOUNCED, "5.4.4", f"{NO_HOST} name={name} type=AAAA: Host not found"),
        "no_mx": Attempt(BOUNCED, "5.4.4", f"{NO_HOST} name={name} type=AAAA: {NO_DATA}"),
        "null_mx": Attempt(BOUNCED, "5.1.0", f"Domain {name} does not accept mail (nullMX)"),
        "servfail": Attempt(DEFERRED, "4.4.3", f"{NO_HOST} name={name} type=MX: Host not found, try again"),
        "timeout": Attempt(DEFERRED, "4.4.3", f"{NO_HOST} name={name} type=MX: Host not found, try again"),
    }.get(domain.answer if domain else "nxdomain")
