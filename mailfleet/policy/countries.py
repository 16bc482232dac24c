"""Countries as lead files name them, and what they tell of a person's language, time and law."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailfleet.policy.address_tables import words

UNKNOWN = "ZZ"  # ISO 3166 leaves it to users: nobody told us


@dataclass(frozen=True)
class Country:
    """What a country's name stands for where the file says no more."""

    code: str
    language: str
    zone: str


# code|language|time zone of most people|names in English, Russian, and its own.
_TABLE = """
AE|en|Asia/Dubai|united arab emirates,uae,оаэ,объединенные арабские эмираты
AM|hy|Asia/Yerevan|armenia,армения
AR|es|America/Argentina/Buenos_Aires|argentina,аргентина
AT|de|Europe/Vienna|austria,австрия,österreich
AU|en|Australia/Sydney|australia,австралия
AZ|az|Asia/Baku|azerbaijan,азербайджан
BE|nl|Europe/Brussels|belgium,бельгия,belgië,belgique
BG|bg|Europe/Sofia|bulgaria,болгария
BR|pt|America/Sao_Paulo|brazil,бразилия,brasil
BY|ru|Europe/Minsk|belarus,беларусь,белоруссия
CA|en|America/Toronto|canada,канада
CH|de|Europe/Zurich|switzerland,швейцария,schweiz,suisse
CN|zh|Asia/Shanghai|china,китай,кнр
CY|el|Asia/Nicosia|cyprus,кипр
CZ|cs|Europe/Prague|czechia,czech republic,чехия,česko
DE|de|Europe/Berlin|germany,германия,deutschland,brd
DK|da|Europe/Copenhagen|denmark,дания,danmark
EE|et|Europe/Tallinn|estonia,эстония,eesti
ES|es|Europe/Madrid|spain,испания,españa
FI|fi|Europe/Helsinki|finland,финляндия,suomi
FR|fr|Europe/Paris|france,франция
GB|en|Europe/London|united kingdom,great britain,britain,england,scotland,wales,uk,u.k.,великобритания,англия
GE|ka|Asia/Tbilisi|georgia,грузия
GR|el|Europe/Athens|greece,греция
HR|hr|Europe/Zagreb|croatia,хорватия
HU|hu|Europe/Budapest|hungary,венгрия
IE|en|Europe/Dublin|ireland,ирландия
IL|he|Asia/Jerusalem|israel,израиль
IN|en|Asia/Kolkata|india,индия
IT|it|Europe/Rome|italy,италия,italia
JP|ja|Asia/Tokyo|japan,япония
KG|ru|Asia/Bishkek|kyrgyzstan,киргизия,кыргызстан
KR|ko|Asia/Seoul|south korea,korea,корея,южная корея
KZ|ru|Asia/Almaty|kazakhstan,казахстан,қазақстан,рк
LT|lt|Europe/Vilnius|lithuania,литва
LU|fr|Europe/Luxembourg|luxembourg,люксембург
LV|lv|Europe/Riga|latvia,латвия
MD|ro|Europe/Chisinau|moldova,молдова,молдавия
MX|es|America/Mexico_City|mexico,мексика
NL|nl|Europe/Amsterdam|netherlands,the netherlands,holland,нидерланды,голландия,nederland
NO|nb|Europe/Oslo|norway,норвегия,norge
NZ|en|Pacific/Auckland|new zealand,новая зеландия
PL|pl|Europe/Warsaw|poland,польша,polska
PT|pt|Europe/Lisbon|portugal,португалия
RO|ro|Europe/Bucharest|romania,румыния
RS|sr|Europe/Belgrade|serbia,сербия
RU|ru|Europe/Moscow|russia,russian federation,россия,российская федерация,рф
SE|sv|Europe/Stockholm|sweden,швеция,sverige
SG|en|Asia/Singapore|singapore,сингапур
SI|sl|Europe/Ljubljana|slovenia,словения
SK|sk|Europe/Bratislava|slovakia,словакия
TJ|ru|Asia/Dushanbe|tajikistan,таджикистан
TM|ru|Asia/Ashgabat|turkmenistan,туркменистан,туркмения
TR|tr|Europe/Istanbul|turkey,türkiye,турция
UA|uk|Europe/Kyiv|ukraine,украина,україна
US|en|America/New_York|united states,united states of america,usa,u.s.,u.s.a.,сша,америка
UZ|ru|Asia/Tashkent|uzbekistan,узбекистан
ZA|en|Africa/Johannesburg|south africa,юар
"""

_LINES = [line.split("|") for line in _TABLE.split("\n") if line]
COUNTRIES = {code: Country(code, language, zone) for code, language, zone, _ in _LINES}
_NAMES = {name: code for code, _, _, names in _LINES for name in names.split(",")}
NOWHERE = Country(UNKNOWN, "en", "UTC")

# The rest of ISO 3166-1: known as countries, without more.
_OTHERS = words("""
    AD AF AG AI AL AO AQ AS AW AX BA BB BD BF BH BI BJ BL BM BN BO BQ BS BT BV BW BZ CC CD CF CG CI CK CL CM CO CR
    CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GD GF GG GH GI GL GM GN GP GQ GS GT GU GW GY HK HM HN HT
    ID IM IO IQ IR IS JE JM JO KE KH KI KM KN KP KW KY LA LB LC LI LK LR LS LY MA MC ME MF MG MH MK ML MM MN MO MP
    MQ MR MS MT MU MV MW MY MZ NA NC NE NF NG NI NP NR NU OM PA PE PF PG PH PK PM PN PR PS PW PY QA RE RW SA SB SC
    SD SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TK TL TN TO TT TV TW TZ UG UM UY VA VC VE VG VI VN VU
    WF WS YE YT ZM ZW
""")

# Country codes of telephones; where several share one, all of them. A longer code is the closer answer.
_PHONES: dict[str, tuple[str, ...]] = {
    "+76": ("KZ",), "+77": ("KZ",), "+7": ("RU",), "+1": ("US", "CA"), "+375": ("BY",), "+380": ("UA",),
    "+374": ("AM",), "+994": ("AZ",), "+995": ("GE",), "+996": ("KG",), "+998": ("UZ",), "+992": ("TJ",),
    "+993": ("TM",), "+373": ("MD",), "+371": ("LV",), "+370": ("LT",), "+372": ("EE",), "+49": ("DE",),
    "+43": ("AT",), "+41": ("CH",), "+44": ("GB",), "+353": ("IE",), "+33": ("FR",), "+32": ("BE",),
    "+31": ("NL",), "+352": ("LU",), "+39": ("IT",), "+34": ("ES",), "+351": ("PT",), "+48": ("PL",),
    "+420": ("CZ",), "+421": ("SK",), "+36": ("HU",), "+45": ("DK",), "+46": ("SE",), "+47": ("NO",),
    "+358": ("FI",), "+30": ("GR",), "+40": ("RO",), "+359": ("BG",), "+90": ("TR",), "+86": ("CN",),
    "+61": ("AU",), "+64": ("NZ",), "+81": ("JP",), "+91": ("IN",), "+55": ("BR",), "+52": ("MX",),
}  # fmt: skip
_LONGEST = max(map(len, _PHONES))

# Top domains that are not their country's code, and those that companies of every country use.
_TOPS = {"uk": "GB", "su": "RU", "xn--p1ai": "RU", "xn--90ais": "BY", "xn--80ao21a": "KZ"}
_NOBODYS = frozenset({"ai", "am", "cc", "co", "fm", "gg", "io", "me", "to", "tv", "ws"})


def country(text: str) -> Country:
    """The country that a cell names, by ISO code or by name; NOWHERE where it names none we know."""
    code = text.strip().upper()
    if code not in COUNTRIES and code not in _OTHERS:
        code = _NAMES.get(_name(text), UNKNOWN)
    if code == UNKNOWN:
        return NOWHERE
    return COUNTRIES.get(code) or Country(code, "en", "UTC")


def _name(text: str) -> str:
    return " ".join(text.casefold().replace("ё", "е").split())


def of_phone(phone: str) -> tuple[str, ...]:
    """The countries that a telephone number may be in; empty where it does not tell."""
    plain = re.sub(r"[^\d+]", "", phone)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    if not plain.startswith("+"):
        return ()
    sizes = range(_LONGEST, 1, -1)
    return next((codes for size in sizes if (codes := _PHONES.get(plain[:size], ()))), ())


def of_domain(domain: str) -> tuple[str, ...]:
    """The country of a domain's top label; empty where the top is nobody's."""
    top = domain.rpartition(".")[2]
    code = _TOPS.get(top, top.upper())
    return (code,) if top not in _NOBODYS and (code in COUNTRIES or code in _OTHERS) else ()
