"""What each receiver says, and whether it says it to RCPT or after the letter."""

from dataclasses import dataclass
from zlib import crc32

RCPT, DATA = "rcpt", "data"


@dataclass(frozen=True)
class Reply:
    """One reply of one receiver; several texts are several dialects of it."""

    stage: str
    texts: tuple[str, ...]

    def lines(self, holes: dict[str, str]) -> tuple[str, ...]:
        """The reply as it goes over the wire; one recipient always hears the same text."""
        text = self.texts[crc32(holes["rcpt"].encode()) % len(self.texts)]
        return tuple(text.format_map(holes).splitlines())


def at(stage: str, *texts: str) -> Reply:
    """A reply given at this stage."""
    return Reply(stage, texts)


def gmail(code: str, page: str, *lines: str) -> str:
    """Gmail's many lines: each repeats the code, the last one names a help page and the session."""
    said = [f"{code[:3]}-{code[4:]} {line}" for line in lines]
    return "\n".join([*said, f"{code}  https://support.google.com/mail/{page} {{token}} - gsmtp"])


REPLIES: dict[tuple[str, str], Reply] = {
    ("gmail", "accept"): at(DATA, "250 2.0.0 OK  {seconds} {token} - gsmtp"),
    ("gmail", "unknown"): at(
        RCPT,
        gmail(
            "550 5.1.1",
            "?p=NoSuchUser",
            "The email account that you tried to reach does not exist. Please try",
            "double-checking the recipient's email address for typos or",
            "unnecessary spaces. For more information, go to",
        ),
    ),
    ("gmail", "full"): at(
        RCPT,
        gmail(
            "452 4.2.2",
            "?p=OverQuotaTemp",
            "The recipient's inbox is over quota. Please direct the",
            "recipient to",
        ),
    ),
    ("gmail", "defer"): at(
        RCPT, gmail("451 4.3.0", "?p=TempSystemError", "Temporary System Problem. Try again later.")
    ),
    ("gmail", "throttle"): at(
        DATA,
        gmail(
            "421 4.7.28",
            "?p=UnsolicitedRateLimitError",
            "Gmail has detected an unusual rate of unsolicited mail originating",
            "from your IP address {ip}. To protect our users from spam, mail sent",
            "from your IP address has been temporarily rate limited. Please visit",
        ),
    ),
    ("gmail", "block"): at(
        DATA,
        gmail(
            "550 5.7.1",
            "answer/188131",
            "[{ip}      19] Gmail has detected that this message is",
            "likely suspicious due to the very low reputation of the sending",
            "domain. To best protect our users from spam, the message has been",
            "blocked. Please visit",
        ),
        gmail(
            "550 5.7.28",
            "?p=UnsolicitedIPError",
            "[{ip}      18] Gmail has detected an unusual rate of unsolicited",
            "mail originating from your IP address. To protect our users from",
            "spam, mail sent from your IP address has been blocked. Please visit",
        ),
    ),
    ("gmail", "content"): at(
        DATA,
        gmail(
            "550 5.7.1",
            "?p=UnsolicitedMessageError",
            "[{ip}      12] Gmail has detected that this message is",
            "likely unsolicited mail. To reduce the amount of spam sent to Gmail,",
            "this message has been blocked. Please visit",
        ),
    ),
    ("outlook", "accept"): at(
        DATA, "250 2.6.0 {message_id} [InternalId=8512{seconds}, Hostname={mx}] Queued mail for delivery"
    ),
    ("outlook", "unknown"): at(
        RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."
    ),
    ("outlook", "full"): at(
        RCPT, "452 4.2.2 The recipient's mailbox is full and can't accept messages now. [{mx}]"
    ),
    ("outlook", "defer"): at(RCPT, "451 4.3.2 Temporary server error. Please try again later ATTR3 [{mx}]"),
    ("outlook", "throttle"): at(
        RCPT,
        "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. "
        "For e-mail delivery information, see https://aka.ms/postmaster (S775) [{mx}]",
    ),
    ("outlook", "block"): at(
        RCPT,
        "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service "
        "provider since part of their network is on our block list (S3150). You can also "
        "refer your provider to "
        "http://mail.live.com/mail/troubleshooting.aspx#errors. [{mx}]",
    ),
    ("outlook", "content"): at(
        DATA,
        "550 SC-001 Mail rejected by Outlook.com for policy reasons. Reasons for rejection may be related to "
        "content with spam-like characteristics or IP/domain reputation problems. [{mx}]",
    ),
    ("m365", "accept"): at(
        DATA, "250 2.6.0 {message_id} [InternalId=4471{seconds}, Hostname={mx}] Queued mail for delivery"
    ),
    ("m365", "unknown"): at(
        RCPT,
        "550 5.4.1 Recipient address rejected: Access denied. [{mx}]",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address lookup",
    ),
    ("m365", "full"): at(DATA, "554 5.2.2 mailbox full; STOREDRV.Deliver; delivery result banner [{mx}]"),
    ("m365", "defer"): at(RCPT, "451 4.3.2 Temporary server error. Please try again later ATTR5 [{mx}]"),
    ("m365", "throttle"): at(
        RCPT, "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{mx}]"
    ),
    ("m365", "block"): at(
        RCPT,
        "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit "
        "https://sender.office.com/ and follow the directions. AS(1430) [{mx}]",
    ),
    ("m365", "content"): at(DATA, "550 5.7.1 Message rejected as spam by Content Filtering."),
    ("yahoo", "accept"): at(DATA, "250 ok dirdel"),
    ("yahoo", "unknown"): at(
        DATA,
        "554 delivery error: dd This user doesn't have a yahoo.com account ({rcpt}) [0] - {mx}",
        "552 1 Requested mail action aborted, mailbox not found",
    ),
    ("yahoo", "defer"): at(RCPT, "451 Message temporarily deferred - 4.16.50. Please try again later - {mx}"),
    ("yahoo", "throttle"): at(
        RCPT,
        "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user "
        "complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
    ),
    ("yahoo", "block"): at(
        RCPT,
        "553 5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's list; "
        "see http://postmaster.yahoo.com/550-bl23.html",
    ),
    ("yahoo", "content"): at(
        DATA,
        "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
    ),
    ("icloud", "accept"): at(DATA, "250 2.0.0 Ok: queued as {token}"),
    ("icloud", "unknown"): at(
        RCPT, "550 5.1.1 <{rcpt}>: user does not exist", "550 5.1.6 <{rcpt}>: user unknown"
    ),
    ("icloud", "full"): at(RCPT, "552 5.2.2 <{rcpt}>: user is over quota"),
    ("icloud", "defer"): at(RCPT, "451 [BS02] Message could not be completed. Please try again later. {mx}"),
    ("icloud", "throttle"): at(
        RCPT, "421 4.7.1 Messages from {ip} are deferred due to excessive volume. {mx}"
    ),
    ("icloud", "block"): at(
        RCPT,
        "554 5.7.1 Your message was rejected due to {ip} being listed: https://www.spamhaus.org/sbl/ (SBL)",
    ),
    ("icloud", "content"): at(
        DATA, "554 5.7.1 [HME1] This message was blocked for containing spam-like content."
    ),
    ("mailru", "accept"): at(DATA, "250 OK id={token}"),
    ("mailru", "unknown"): at(
        DATA,
        "550 Message was not accepted -- invalid mailbox.  Local mailbox {rcpt} is "
        "unavailable: user not found",
        "550 Message was not accepted -- invalid mailbox.  Local mailbox {rcpt} is unavailable: "
        "account is disabled",
    ),
    ("mailru", "full"): at(DATA, "451 Message was not accepted -- {rcpt}: user over quota"),
    ("mailru", "throttle"): at(
        RCPT, "421 Too many letters from {ip}. Try again later or contact abuse@corp.mail.ru"
    ),
    ("mailru", "block"): at(
        RCPT, "550 Access from ip address {ip} blocked. Visit http://help.mail.ru/notspam-support/ip?i={ip}"
    ),
    ("mailru", "content"): at(
        DATA,
        "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c={token} "
        "or report details to abuse@corp.mail.ru. Error code: {token}",
    ),
    ("yandex", "accept"): at(DATA, "250 2.0.0 Ok: queued on {mx} {seconds}-{token}"),
    ("yandex", "unknown"): at(RCPT, "550 5.7.1 No such user!"),
    ("yandex", "full"): at(DATA, "552 5.2.2 Mailbox size limit exceeded {seconds}-{token}"),
    ("yandex", "defer"): at(
        RCPT,
        "451 4.7.1 Sorry, the service is currently unavailable. Please come back later. {seconds}-{token}",
    ),
    ("yandex", "throttle"): at(RCPT, "451 4.7.1 Spam limit exceeded. Try again later. {seconds}-{token}"),
    ("yandex", "block"): at(
        RCPT,
        "554 5.7.1 Service unavailable; Client host [{ip}] blocked by spam statistics - see "
        "http://feedback.yandex.ru/?from=mail-rejects&subject={ip}; spamsource.yandex.ru",
    ),
    ("yandex", "content"): at(
        DATA, "554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc {seconds}-{token}"
    ),
    ("other", "accept"): at(DATA, "250 2.0.0 Ok: queued as {token}"),
    ("other", "unknown"): at(
        RCPT, "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table"
    ),
    ("other", "full"): at(RCPT, "452 4.2.2 <{rcpt}>: Recipient address rejected: user is over quota"),
    ("other", "defer"): at(
        RCPT, "450 4.7.1 <{rcpt}>: Recipient address rejected: Greylisted, see http://postgrey.{domain}/help"
    ),
    ("other", "throttle"): at(RCPT, "450 4.7.1 Error: too much mail from {ip}"),
    ("other", "block"): at(
        RCPT,
        "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; "
        "https://www.spamhaus.org/query/ip/{ip}",
    ),
    ("other", "content"): at(DATA, "554 5.7.1 Spam message rejected"),
}


def reply_of(receiver: str, situation: str) -> Reply:
    """The reply of this receiver; where it has none of its own, that of a plain host."""
    return REPLIES.get((receiver, situation)) or REPLIES["other", situation]
