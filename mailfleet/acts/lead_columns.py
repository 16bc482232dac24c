"""Which column of a lead file is which, by the names people give them in English and Russian."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAMES: dict[str, str] = {
    "address": "email,e mail,mail,email address,e mail address,почта,эл почта,электронная почта,e mail адрес,"
    "адрес электронной почты,адрес почты,имейл,емейл,мейл",
    "given_name": "first name,firstname,given name,name,имя",
    "family_name": "last name,lastname,family name,surname,фамилия",
    "company": "company,company name,organisation,organization,компания,организация,фирма",
    "country": "country,country code,страна,код страны",
    "phone": "phone,phone number,telephone,tel,mobile,телефон,тел,номер телефона,мобильный",
    "consent_source": "consent source,consent,source of consent,opt in source,источник согласия,согласие",
    "consent_date": "consent date,date of consent,consented at,opt in date,дата согласия",
    "found_at": "source,lead source,source of address,источник,источник адреса",
    "found_on": "obtained at,obtained on,source date,date of source,дата получения,дата источника",
    "direction": "direction,line,направление",
    "language": "language,lang,язык",
    "time_zone": "time zone,timezone,tz,часовой пояс,таймзона",
}
FIELDS = tuple(NAMES)
_ALSO = {"address": "address", "адрес": "address"}  # the postal one, where another column is clearer
_BY_NAME = {name: field for field, names in NAMES.items() for name in names.split(",")}


def plain(header: str) -> str:
    """A header as the table has it: small letters, one blank between words."""
    return " ".join(re.sub(r"[\s\u00a0\ufeff_\-.:]+", " ", header.casefold().replace("ё", "е")).split())


def columns(header: Sequence[str]) -> dict[str, int]:
    """Where each field stands. Raises ValueError, naming it, where two columns claim to be one field."""
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        field = _BY_NAME.get(plain(name))
        if field in found:
            raise ValueError(
                f"columns {found[field] + 1} and {place + 1} are both the {field.replace('_', ' ')}"
            )
        if field:
            found[field] = place
    return _vague(header) | found


def _vague(header: Sequence[str]) -> dict[str, int]:
    return {_ALSO[plain(name)]: place for place, name in enumerate(header) if plain(name) in _ALSO}
