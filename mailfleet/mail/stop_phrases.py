"""How people ask to be left alone, in English and Russian: phrases on one line in small letters, `ё` written `е`."""

from __future__ import annotations

import re

_ENGLISH = (
    r"\bunsubscribe\b",
    r"\bopt[- ]?(?:me )?out\b",
    r"\bremove (?:me|us|my (?:name|e-?mail|address|contact)|this (?:address|e-?mail)|our (?:address|e-?mail))",
    r"\btake (?:me|us|my (?:address|e-?mail)) off\b",
    r"\bdelete my (?:data|address|e-?mail|contact|details)",
    r"\b(?:please )?stop (?:writing|e-?mailing|mailing|sending|contacting|messaging|spamming|this spam|these)",
    r"^\W*stop\W*$",
    r"^\W*stop[.!]",
    r"\b(?:do not|don't|never|no longer) (?:ever )?(?:write|e-?mail|mail|contact|message|bother)(?: to)? (?:me|us|this|any)",
    r"\b(?:do not|don't|never) (?:ever )?send (?:me |us )?(?:any |more )*(?:more|e-?mails|mails?|messages|letters|spam)",
    r"\bdo not (?:want|wish) (?:to (?:receive|get|hear)|any more|your (?:mails|e-?mails|messages))",
    r"\bdon't want (?:to (?:receive|get|hear)|any more|your (?:mails|e-?mails|messages))",
    r"\bno more (?:e-?mails|mails|messages|letters)",
    r"\bleave me alone\b",
)
_RUSSIAN = (
    r"\bотпи(?:шите|сать|сываюсь|саться)\b",
    r"\bотписк[аиу]\b(?! (?:не|происходит))",
    r"\bне (?:пишите|беспокойте|присылайте|отправляйте|шлите|(?:надо|нужно) (?:мне )?(?:писать|присылать))",
    r"\b(?:больше|прошу|просьба) (?:мне |нам |меня |сюда )?не (?:писать|беспокоить|присылать|отправлять|слать)",
    r"\b(?:удалите|уберите|исключите|вычеркните) (?:меня|нас|мой|мою|наш|мои|этот|пожалуйста|из)",
    r"\b(?:прошу|просьба) (?:меня |нас )?(?:удалить|убрать|исключить|отписать)",
    r"\bпрекратите\b.{0,40}\b(?:рассылк|писать|слать|присылать|отправлять|спам)",
    r"\bперестаньте\b.{0,40}\b(?:писать|слать|присылать|отправлять|спамить)",
    r"\bхватит (?:мне )?(?:писать|слать|спамить|присылать)",
    r"\bотзываю (?:свое )?согласие",
    r"\bне (?:хочу|желаю) (?:больше )?(?:получать|видеть) (?:ваш|эт|больше|такие|никак|рассылк|письм)",
    r"^\W*стоп\W*$",
    r"^\W*стоп[.!]",
)
STOP = tuple(re.compile(phrase) for phrase in (*_ENGLISH, *_RUSSIAN))
