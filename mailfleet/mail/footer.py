"""What the law wants under every message: who writes, why, from where the data is, and how to end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape


@dataclass(frozen=True)
class Imprint:
    """Who answers for the mail, and what the data is used for."""

    legal_name: str
    postal_address: str
    purpose: str
    privacy_url: str


@dataclass(frozen=True)
class Words:
    """The footer's sentences in one language."""

    because: str
    about: str
    privacy: str
    leave: str


WORDS: Mapping[str, Words] = {
    "en": Words("You get this message because of", "It is about", "Privacy", "No more messages"),
    "ru": Words(
        "Вы получили это письмо, потому что у нас есть ваши данные:",
        "Тема",
        "Конфиденциальность",
        "Отписаться",
    ),
    "de": Words(
        "Sie erhalten diese Nachricht aufgrund von", "Es geht um", "Datenschutz", "Keine Nachrichten mehr"
    ),
}


def plain(imprint: Imprint, language: str, source: str, since: date, link: str) -> str:
    """The footer of the text part."""
    words = _words(language)
    lines = [
        f"{words.because} {source} ({since.isoformat()}). {words.about}: {imprint.purpose}.",
        f"{imprint.legal_name}, {imprint.postal_address}",
        *([f"{words.privacy}: {imprint.privacy_url}"] if imprint.privacy_url else []),
        f"{words.leave}: {link}",
    ]
    return "\n\n-- \n" + "\n".join(lines) + "\n"


def html(imprint: Imprint, language: str, source: str, since: date, link: str) -> str:
    """The footer of the HTML part."""
    words = _words(language)
    privacy = f'<a href="{escape(imprint.privacy_url)}">{words.privacy}</a> · ' if imprint.privacy_url else ""
    return (
        '<hr><p style="font-size:small;color:#555">'
        f"{words.because} {escape(source)} ({since.isoformat()}). {words.about}: {escape(imprint.purpose)}.<br>"
        f"{escape(imprint.legal_name)}, {escape(imprint.postal_address)}<br>"
        f'{privacy}<a href="{escape(link)}">{words.leave}</a></p>\n'
    )


def _words(language: str) -> Words:
    return WORDS.get(language.partition("-")[0].lower(), WORDS["en"])
