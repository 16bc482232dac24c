"""A receiver that accepted and then found that it could not deliver."""

from sandbox.letter import Letter
from sandbox.reactions.mime import date, message_id, report
from sandbox.tables import domain_name

REASONS = {
    "m365": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address lookup",
    "gmail": "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
    " 550 5.1.1 double-checking the recipient's email address: https://support.google.com/mail/?p=NoSuchUser",
}
PLAIN = "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown"


def late_bounce(letter: Letter) -> tuple[str, str, bytes]:
    """An RFC 3464 report to the return path: sender, recipient and content."""
    domain, rcpt = domain_name(letter.rcpt_to), letter.rcpt_to
    reason = REASONS.get(letter.receiver, PLAIN).format(rcpt=rcpt)
    head = {
        "Date": date(),
        "From": f"Mail Delivery Subsystem <mailer-daemon@{domain}>",
        "To": letter.mail_from,
        "Subject": "Delivery Status Notification (Failure)",
        "Message-ID": message_id(f"dsn{rcpt}{letter.message_id}", domain),
        "In-Reply-To": letter.message_id,
        "Auto-Submitted": "auto-replied",
    }
    return (
        "",
        letter.mail_from,
        report(
            head,
            "delivery-status",
            [
                ({"Content-Type": "text/plain; charset=utf-8"}, told(rcpt, reason)),
                ({"Content-Type": "message/delivery-status"}, status(letter, reason)),
                ({"Content-Type": "text/rfc822-headers"}, letter.head.decode("utf-8", "surrogateescape")),
            ],
        ),
    )


def told(rcpt: str, reason: str) -> str:
    """The part for people."""
    return (
        f"Your message wasn't delivered to {rcpt} because the address couldn't be found,\n"
        f"or is unable to receive mail.\n\nThe response was:\n\n{reason}\n"
    )


def status(letter: Letter, reason: str) -> str:
    """The part for machines."""
    return (
        f"Reporting-MTA: dns; {letter.mx}\nArrival-Date: {date()}\n\n"
        f"Final-Recipient: rfc822; {letter.rcpt_to}\nAction: failed\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; {reason}\nLast-Attempt-Date: {date()}\n"
    )
