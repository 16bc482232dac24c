"""The non-delivery report a node sends to the return path, as Postfix makes it (RFC 3464)."""

import textwrap
import time
from email.utils import formatdate
from zlib import crc32

from sandbox.node.attempt import Attempt
from sandbox.node.spool import Queued
from sandbox.reactions.mime import headers, wire

LETTER = """\
This is the mail system at host {host}.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system
"""


def notice(host: str, qid: str, message: Queued, failures: dict[str, Attempt]) -> bytes:
    """The report with this queue id on all recipients that failed."""
    boundary = f"{message.qid}.{int(time.time())}/{host}"
    parts = [
        (
            {"Content-Description": "Notification", "Content-Type": "text/plain; charset=us-ascii"},
            LETTER.format(host=host) + "".join(told(rcpt, end) for rcpt, end in failures.items()),
        ),
        (
            {"Content-Description": "Delivery report", "Content-Type": "message/delivery-status"},
            status(host, message, failures),
        ),
        returned(message),
    ]
    body = "".join(f"--{boundary}\n{headers(head)}{text.rstrip()}\n\n" for head, text in parts)
    opening = headers(head_of(host, qid, message, boundary)) + "This is a MIME-encapsulated message.\n\n"
    return wire(f"{opening}{body}--{boundary}--\n")


def head_of(host: str, qid: str, message: Queued, boundary: str) -> dict[str, str]:
    """The head of the report."""
    return {
        "Received": f"by {host} (Postfix)\n\tid {qid}; {stamp(time.time())}",
        "Date": stamp(time.time()),
        "From": f"MAILER-DAEMON@{host} (Mail Delivery System)",
        "Subject": "Undelivered Mail Returned to Sender",
        "To": message.sender,
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type=delivery-status;\n\tboundary="{boundary}"',
        "Content-Transfer-Encoding": "8bit",
        "Message-Id": notice_id(host, qid),
    }


def notice_id(host: str, qid: str) -> str:
    """The Message-Id of the report."""
    return f"<{time.strftime('%Y%m%d%H%M%S', time.gmtime())}.{qid}@{host}>"


def stamp(at: float) -> str:
    """A date as Postfix writes it on a host on UTC."""
    return f"{formatdate(at)[:-5]}+0000 (UTC)"


def told(rcpt: str, end: Attempt) -> str:
    """The lines for people on one recipient."""
    return "\n" + folded(f"<{rcpt}>: {end.text}") + "\n"


def status(host: str, message: Queued, failures: dict[str, Attempt]) -> str:
    """The part for machines: one block on the message, one on each recipient."""
    first = (
        f"Reporting-MTA: dns; {host}\nX-Postfix-Queue-ID: {message.qid}\n"
        f"X-Postfix-Sender: rfc822; {message.sender}\nArrival-Date: {stamp(message.arrived)}\n"
    )
    return "\n".join([first, *(of_recipient(rcpt, end) for rcpt, end in failures.items())])


def of_recipient(rcpt: str, end: Attempt) -> str:
    """The block on one recipient."""
    remote = f"Remote-MTA: dns; {end.remote}\n" if end.remote else ""
    diagnostic = f"smtp; {end.diagnostic}" if end.diagnostic else f"X-Postfix; {end.text}"
    return (
        f"Final-Recipient: rfc822; {rcpt}\nOriginal-Recipient: rfc822;{rcpt}\nAction: failed\n"
        f"Status: {end.dsn}\n{remote}{folded(f'Diagnostic-Code: {diagnostic}')}\n"
    )


def folded(text: str) -> str:
    """A long line as Postfix folds it."""
    return textwrap.fill(text, 78, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)


def returned(message: Queued) -> tuple[dict[str, str], str]:
    """The message itself, or only its head: both kinds are met, so every second one is short."""
    text = message.data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if crc32(message.qid.encode()) % 2:
        head = text.partition("\n\n")[0] + "\n"
        kind = {"Content-Description": "Undelivered Message Headers", "Content-Type": "text/rfc822-headers"}
        return kind, head
    kind = {"Content-Description": "Undelivered Message", "Content-Type": "message/rfc822"}
    return {**kind, "Content-Transfer-Encoding": "8bit"}, text
