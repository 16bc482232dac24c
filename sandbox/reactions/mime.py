"""Small parts that all mail of the sandbox is made of."""

from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256


def date() -> str:
    """Now, as a Date header says it."""
    return format_datetime(datetime.now(UTC))


def message_id(seed: str, domain: str) -> str:
    """A Message-ID that follows from what the message is about."""
    return f"<{sha256(seed.encode()).hexdigest()[:24]}@{domain}>"


def report(head: dict[str, str], kind: str, parts: list[tuple[dict[str, str], str]]) -> bytes:
    """A multipart/report with these parts, as bytes with CRLF."""
    boundary = "=_" + sha256(repr((head, parts)).encode()).hexdigest()[:32]
    content = f'multipart/report; report-type={kind};\n\tboundary="{boundary}"'
    marks = {"MIME-Version": "1.0", "Content-Type": content}
    lines = [headers({**head, **marks}) + "This is a MIME-encapsulated message.\n"]
    lines += [f"--{boundary}\n{headers(part)}{body.rstrip()}\n" for part, body in parts]
    return wire("\n".join([*lines, f"--{boundary}--\n"]))


def plain(head: dict[str, str], text: str) -> bytes:
    """A plain text message."""
    kind = {"MIME-Version": "1.0", "Content-Type": "text/plain; charset=utf-8"}
    kind["Content-Transfer-Encoding"] = "8bit"
    return wire(headers({**head, **kind}) + text.rstrip() + "\n")


def wire(text: str) -> bytes:
    """Text as bytes with CRLF; bytes that were no text come out as they were."""
    return text.encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def headers(fields: dict[str, str]) -> str:
    """A header block with the empty line that ends it."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + "\n"
