"""The unsubscribe button of a mail program (RFC 8058), pressed over real HTTP."""

import asyncio
from collections.abc import Iterator

from sandbox.letter import Letter

TRIES = 6
PAUSE = 0.5
PATIENCE = 10.0
FORM = b"List-Unsubscribe=One-Click"
BOUNDARY = "sandbox-one-click"
PARTS = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    f"One-Click\r\n--{BOUNDARY}--\r\n"
).encode()


async def click(letter: Letter, port: int | None, *, as_form: bool) -> str:
    """Post to the link of the letter; the word it is counted under."""
    link = letter.one_click
    if link is None:
        return "unsubscribe: no link"
    if port is None:
        return "unsubscribe: no web port"
    for pause in pauses():
        try:
            status = await asyncio.wait_for(post(port, request(*link, as_form=as_form)), PATIENCE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            await asyncio.sleep(pause)
            continue
        return "unsubscribe" if 200 <= status < 300 else f"unsubscribe: status {status}"
    return "unsubscribe: no answer"


def pauses() -> Iterator[float]:
    """How long to wait after each try that found nobody."""
    return (PAUSE * (attempt + 1) for attempt in range(TRIES))


def request(host: str, path: str, *, as_form: bool) -> bytes:
    """The whole request in bytes, in either of the two encodings that RFC 8058 names."""
    kind = "application/x-www-form-urlencoded" if as_form else f"multipart/form-data; boundary={BOUNDARY}"
    body = FORM if as_form else PARTS
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "User-Agent: sandbox-mail-program/1.0\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


async def post(port: int, request: bytes) -> int:
    """Send it and read the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        line = await reader.readuntil(b"\r\n")
        return int(line.split()[1])
    finally:
        writer.close()
