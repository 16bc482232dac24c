"""People who answer: themselves, to make it stop, or through a machine while they are away."""

from dataclasses import dataclass
from email.header import Header
from zlib import crc32

from sandbox.letter import Letter
from sandbox.reactions.mime import date, message_id, plain
from sandbox.tables import domain_name

RUSSIAN = frozenset({"mailru", "yandex"})


@dataclass(frozen=True)
class Voice:
    """What is written in one language."""

    answer: str
    stop: str
    absence: str
    absent_subject: str
    wrote: str


VOICES = {
    "ru": Voice(
        "Добрый день!\n\nСпасибо, интересно. Пришлите, пожалуйста, цены и сроки.\n\nС уважением",
        "Не пишите мне больше. Удалите мой адрес из рассылки.",
        "Здравствуйте! Я в отпуске до понедельника и отвечу, когда вернусь.",
        "Автоответ: ",
        "{date}, {sender} пишет:",
    ),
    "en": Voice(
        "Hello,\n\nthank you, this is interesting. Could you send me your prices?\n\nBest regards",
        "Please stop writing to me and remove my address from your list.",
        "Hello, I am out of the office until Monday and will answer when I am back.",
        "Automatic reply: ",
        "On {date}, {sender} wrote:",
    ),
}


def voice_of(letter: Letter) -> Voice:
    """Russian for people of Russian receivers and of IDN domains, English for the rest."""
    russian = letter.receiver in RUSSIAN or "xn--" in domain_name(letter.rcpt_to)
    return VOICES["ru" if russian else "en"]


def answer(letter: Letter) -> tuple[str, str, bytes]:
    """A person's reply, with the letter quoted below."""
    return written(letter, f"{voice_of(letter).answer}\n\n{quoted(letter)}")


def stop(letter: Letter) -> tuple[str, str, bytes]:
    """A person's wish to be left alone, with the letter quoted below."""
    return written(letter, f"{voice_of(letter).stop}\n\n{quoted(letter)}")


def quoted(letter: Letter) -> str:
    """The letter's text as mail programs quote it."""
    intro = voice_of(letter).wrote.format(date=letter.header("Date"), sender=letter.answer_to)
    return "\n".join([intro, *(f"> {line}" for line in letter.text.splitlines())])


def written(letter: Letter, text: str) -> tuple[str, str, bytes]:
    """A reply in the letter's thread, from the one who got it to the one who wrote it."""
    subject = "Re: " + letter.header("Subject").removeprefix("Re: ")
    return letter.rcpt_to, letter.answer_to, plain(thread(letter, letter.answer_to, subject), text)


def absence(letter: Letter) -> tuple[str, str, bytes]:
    """An automatic reply (RFC 3834): to the return path as it should be, from some to the writer."""
    to = letter.mail_from if crc32(letter.rcpt_to.encode()) % 2 else letter.answer_to
    head = thread(letter, to, voice_of(letter).absent_subject + letter.header("Subject"))
    marks = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "bulk"}
    return "", to, plain({**head, **marks}, voice_of(letter).absence)


def thread(letter: Letter, to: str, subject: str) -> dict[str, str]:
    """The head of a message that belongs to the letter's thread."""
    before = [*letter.header("References").split(), letter.message_id]
    return {
        "Date": date(),
        "From": letter.rcpt_to,
        "To": to,
        "Subject": Header(subject, "us-ascii" if subject.isascii() else "utf-8").encode(linesep="\n"),
        "Message-ID": message_id(f"reply{letter.rcpt_to}{letter.message_id}", domain_name(letter.rcpt_to)),
        "In-Reply-To": letter.message_id,
        "References": "\n ".join(before),
    }
