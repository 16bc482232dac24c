"""The few pages people see, in Russian and English."""

from __future__ import annotations

from dataclasses import dataclass

PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto 0; padding: 0 1.5rem; color: #1c2430; }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #1d4ed8; color: #fff; }}
</style></head><body><h1>{title}</h1><p>{text}</p>{form}</body></html>
"""
FORM = '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>{button}</button></form>'


@dataclass(frozen=True)
class Words:
    """One page in one language; `button` only where there is something to confirm."""

    title: str
    text: str
    button: str = ""


PAGES: dict[str, dict[str, Words]] = {
    "en": {
        "asked": Words("Unsubscribe?", "You will get no more mail from this sender.", "Unsubscribe"),
        "done": Words("You are unsubscribed", "You will get no more mail from this sender."),
        "unknown": Words(
            "Unknown link", "This link is not one of ours. Please use the whole link from the mail."
        ),
        "too_large": Words("Not understood", "This request is too large."),
        "later": Words(
            "Please try again", "We cannot note your wish at this moment. Please try again in a minute."
        ),
    },
    "ru": {
        "asked": Words(
            "Отписаться?", "Вы больше не будете получать письма от этого отправителя.", "Отписаться"
        ),
        "done": Words("Вы отписаны", "Вы больше не будете получать письма от этого отправителя."),
        "unknown": Words(
            "Неизвестная ссылка", "Эта ссылка не наша. Пожалуйста, откройте ссылку из письма целиком."
        ),
        "too_large": Words("Запрос не понят", "Этот запрос слишком велик."),
        "later": Words(
            "Попробуйте ещё раз", "Сейчас мы не можем записать ваше решение. Попробуйте через минуту."
        ),
    },
}


def page(name: str, accept_language: str) -> str:
    """The page in the reader's language: Russian where their program asks for it before any other, else English."""
    language = "ru" if accept_language.strip().lower().startswith("ru") else "en"
    words = PAGES[language][name]
    form = FORM.format(button=words.button) if words.button else ""
    return PAGE.format(language=language, title=words.title, text=words.text, form=form)
