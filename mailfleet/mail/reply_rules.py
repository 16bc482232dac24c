"""The refusals we know, in the order they are tried: one row for each thing that receivers say.

`facts` numbers the row of the table this was taken from; `hard` and `inactive` alone may suppress a person,
so a row that gives them needs a text that speaks of the recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from mailfleet.policy.outcome import About, Verdict

_V, _A = Verdict, About
MICROSOFT = ("outlook", "m365")
TEN_MINUTES, HOUR = timedelta(minutes=10), timedelta(hours=1)


@dataclass(frozen=True)
class Rule:
    """Who says it, with which codes it begins, what it says; and what it means."""

    facts: int
    receivers: tuple[str, ...]
    codes: tuple[str, ...]
    text: re.Pattern[str]
    verdict: Verdict
    about: About
    wait: timedelta | None = None


def _rule(facts: int, receivers: tuple[str, ...] | str, codes: tuple[str, ...] | str, text: str,
          verdict: Verdict, about: About, wait: timedelta | None = None) -> Rule:  # fmt: skip
    names = (receivers,) if isinstance(receivers, str) else receivers
    begins = (codes,) if isinstance(codes, str) else codes
    return Rule(facts, tuple(filter(None, names)), tuple(filter(None, begins)), re.compile(text, re.IGNORECASE), verdict, about, wait)


OF_RECEIVERS = (
    # Gmail
    _rule(3, "gmail", "55", r"\b5\.2\.1\b.*(?:inactive|disabled)", _V.INACTIVE, _A.RECIPIENT),
    _rule(4, "gmail", ("45", "55"), r"receiving mail (?:at a rate|too quickly)", _V.SOFT, _A.RECIPIENT),
    _rule(6, "gmail", "552", r"\b5\.2\.2\b.*(?:inactive|over ?quota)", _V.INACTIVE, _A.RECIPIENT),
    _rule(9, "gmail", "4", r"\b4\.7\.28\b", _V.SOFT, _A.EGRESS, TEN_MINUTES),
    _rule(10, "gmail", "5", r"\b5\.7\.28\b.*(?:DKIM domain|SPF domain|from domain|sending domain)", _V.BLOCK, _A.DOMAIN),
    _rule(10, "gmail", "5", r"\b5\.7\.28\b", _V.BLOCK, _A.EGRESS),
    _rule(11, "gmail", "", r"\b(?:4\.7\.23|5\.7\.25)\b", _V.OURS, _A.OURS),
    _rule(12, "gmail", "", r"\b[45]\.7\.2[47]\b", _V.AUTH, _A.DOMAIN),
    _rule(13, "gmail", "", r"\b[45]\.7\.26\b", _V.AUTH, _A.DOMAIN),
    _rule(14, "gmail", "", r"\b[45]\.7\.29\b", _V.OURS, _A.OURS),
    _rule(15, "gmail", "", r"\b[45]\.7\.30\b", _V.AUTH, _A.DOMAIN),
    _rule(16, "gmail", "", r"\b[45]\.7\.(?:31|32|40)\b", _V.AUTH, _A.DOMAIN),
    _rule(18, "gmail", "55", r"Encoded-word syntax|multiple (?:addresses|[\w-]+ headers)|duplicate headers|not RFC ?5322 compliant|RFC ?5322 compliant", _V.OURS, _A.OURS),
    _rule(17, "gmail", "5", r"reputation of the sending domain|low reputation of (?:the )?domain", _V.BLOCK, _A.DOMAIN),
    _rule(17, "gmail", "5", r"reputation of the (?:sending )?IP|unusual rate of unsolicited mail originating from your IP", _V.BLOCK, _A.EGRESS),
    _rule(17, "gmail", "5", r"likely (?:unsolicited|suspicious)|unsolicited mail", _V.CONTENT, _A.CONTENT),
    _rule(19, "gmail", ("452", "550"), r"[45]\.5\.3\b.*(?:too many recipients|multiple destination domains|recipients)", _V.SOFT, _A.OURS),
    _rule(20, "gmail", "552", r"\b5\.3\.4\b|\b5\.7\.0\b", _V.CONTENT, _A.CONTENT),
    _rule(8, "gmail", "421", r"\b4\.7\.0\b", _V.SOFT, _A.EGRESS),
    # Microsoft: consumer and business answer alike
    _rule(28, MICROSOFT, "", r"is on our block ?list|S31(?:40|50)|weren't sent.*block list", _V.BLOCK, _A.EGRESS),
    _rule(26, MICROSOFT, "4", r"4\.7\.650|rate limited due to IP reputation", _V.SOFT, _A.EGRESS),
    _rule(27, MICROSOFT, "4", r"\bRP-00[123]\b", _V.SOFT, _A.EGRESS),
    _rule(29, MICROSOFT, "", r"\bSC-00[134]\b", _V.BLOCK, _A.EGRESS),
    _rule(30, MICROSOFT, "", r"\bSC-002\b", _V.BLOCK, _A.EGRESS),
    _rule(31, MICROSOFT, "", r"\b(?:DY-00[12]|OU-00[12])\b", _V.BLOCK, _A.EGRESS),
    _rule(32, MICROSOFT, "5", r"\b5\.7\.511\b|banned sender", _V.BLOCK, _A.MAILBOX),
    _rule(32, MICROSOFT, "5", r"\b5\.7\.6(?:0[6-9]|[1-4]\d)\b|banned sending IP", _V.BLOCK, _A.EGRESS),
    _rule(33, MICROSOFT, "5", r"\b5\.7\.(?:513|124|133|134|136|504|505)\b", _V.INACTIVE, _A.RECIPIENT),
    _rule(34, MICROSOFT, "5", r"\b5\.7\.(?:515|509|23)\b", _V.AUTH, _A.DOMAIN),
    _rule(35, MICROSOFT, "5", r"\b5\.7\.(?:25|506)\b", _V.OURS, _A.OURS),
    _rule(35, MICROSOFT, "5", r"\b5\.7\.508\b", _V.SOFT, _A.EGRESS, HOUR),
    _rule(24, MICROSOFT, "", r"\b4\.3\.2\b|\b5\.2\.12[12]\b|concurrent connections", _V.SOFT, _A.EGRESS),
    _rule(25, MICROSOFT, "4", r"\b4\.7\.(?:[56]\d\d|8[5-9]\d)\b", _V.SOFT, _A.EGRESS),
    _rule(22, MICROSOFT, "55", r"\b5\.1\.10\b|RecipientNotFound|\b5\.4\.1\b.*Recipient address rejected: Access denied|\b5\.1\.1\b", _V.HARD, _A.RECIPIENT),
    _rule(23, MICROSOFT, "", r"\b[45]\.2\.2\b|mailbox (?:is )?full", _V.FULL, _A.RECIPIENT),
    _rule(21, "outlook", "55", r"Requested action not taken: mailbox unavailable", _V.HARD, _A.RECIPIENT),
    # Yahoo and AOL
    _rule(36, "yahoo", "554", r"doesn't have an? \S+ account|mailbox (?:is )?disabled|\bdd\b.*account|\b554 30\b", _V.HARD, _A.RECIPIENT),
    _rule(37, "yahoo", "552", r"mailbox not found", _V.HARD, _A.RECIPIENT),
    _rule(39, "yahoo", "553", r"\[TSS(?:09|11)\]|permanently deferred", _V.BLOCK, _A.EGRESS),
    _rule(38, "yahoo", "4", r"\[(?:TSS|IPTS)\d\d\]|\bTS0\d\b", _V.SOFT, _A.EGRESS, HOUR),
    _rule(40, "yahoo", "5", r"\[BL2\d\]", _V.BLOCK, _A.EGRESS),
    _rule(42, "yahoo", "5", r"\b5\.7\.9\b.*(?:unauthenticated|DMARC|not authenticated|authentication)", _V.AUTH, _A.DOMAIN),
    _rule(41, "yahoo", "5", r"\b5\.7\.9\b|\[PH01\]|not accepted for policy reasons", _V.CONTENT, _A.CONTENT),
    _rule(43, "yahoo", "", r"resolve RFC5321\.From domain", _V.OURS, _A.OURS),
    _rule(44, "yahoo", "4", r"receiving mail too quickly|Max message per connection", _V.SOFT, _A.RECIPIENT),
    # Apple
    _rule(47, "icloud", "5", r"\[CS01\]|\[HME1\]", _V.CONTENT, _A.CONTENT),
    _rule(47, "icloud", "5", r"\b(?:DBL|SBL)\b", _V.BLOCK, _A.EGRESS),
    _rule(46, "icloud", "4", r"excessive|\[HCM1\]|\[BS02\]", _V.SOFT, _A.EGRESS),
    # Mail.ru
    _rule(54, "mailru", "5", r"sending for this account is disabled", _V.BLOCK, _A.MAILBOX),
    _rule(48, "mailru", "5", r"invalid mailbox|non-local recipient verification failed", _V.HARD, _A.RECIPIENT),
    _rule(49, "mailru", "5", r"spam message rejected|spam message discarded", _V.CONTENT, _A.CONTENT),
    _rule(51, "mailru", "5", r"dynamic IP|generic PTR|reverse DNS|PTR record", _V.OURS, _A.OURS),
    _rule(52, "mailru", "5", r"DMARC", _V.AUTH, _A.DOMAIN),
    _rule(50, "mailru", "4", r"abuse@corp\.mail\.ru|too many (?:letters|messages)", _V.SOFT, _A.EGRESS),
    _rule(49, "mailru", "5", r"Access from ip address|notspam-support", _V.BLOCK, _A.EGRESS),
    # Yandex: a 5.7.1 that means "no such user"
    _rule(55, "yandex", "5", r"No such user", _V.HARD, _A.RECIPIENT),
    _rule(56, "yandex", "5", r"Policy rejection on the target address", _V.INACTIVE, _A.RECIPIENT),
    _rule(58, "yandex", "5", r"Client host.*blocked|spamsource\.yandex|spam statistics", _V.BLOCK, _A.EGRESS),
    _rule(57, "yandex", "5", r"suspicion of SPAM|ya\.cc", _V.CONTENT, _A.CONTENT),
    _rule(60, "yandex", "4", r"Spam limit exceeded", _V.SOFT, _A.EGRESS, HOUR),
    _rule(59, "yandex", "4", r"currently unavailable", _V.SOFT, _A.EGRESS),
    _rule(60, "yandex", "552", r"\b5\.2\.2\b|size limit", _V.FULL, _A.RECIPIENT),
    _rule(61, "yandex", "5", r"Bad address mailbox syntax|No correct recipients|need fully-qualified address", _V.HARD, _A.RECIPIENT),
)  # fmt: skip

OF_ANYBODY = (
    # whom it blames is in the words: read before anything that sounds like a recipient
    _rule(63, "", "5", r"Reject due to policy restrictions", _V.BLOCK, _A.EGRESS),
    _rule(65, "", "5", r"frequency limited", _V.SOFT, _A.EGRESS, HOUR),
    _rule(67, "", "5", r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted))|unable to relay|not permitted to relay|relaying denied", _V.OURS, _A.OURS),
    _rule(68, "", "", r"sender address rejected|sender domain|domain of sender|sender verif|MAIL FROM domain|RFC5321\.From|sender (?:is )?(?:invalid|rejected|denied)|unroutable sender|invalid sender", _V.OURS, _A.OURS),
    _rule(69, "", "5", r"spamhaus|barracuda(?:central|networks)?|spamcop|sorbs|uceprotect|\bRBLs?\b|\bDNSBL\b|black ?list|block ?list|listed (?:in|at|by|on)|blocked (?:using|by|for)", _V.BLOCK, _A.EGRESS),
    _rule(70, "", ("452", "552"), r"too many recipients", _V.SOFT, _A.OURS),
    _rule(66, "", "4", r"gr[ea]y[- ]?list", _V.SOFT, _A.EGRESS),
    _rule(72, "", "5", r"DMARC|DKIM|\bSPF\b|unauthenticated|authentication (?:required|failed|fail)|not authenticated", _V.AUTH, _A.DOMAIN),
    _rule(72, "", "5", r"reverse (?:DNS|host ?name|mapping|lookup)|PTR record|no PTR|\bHELO\b|\bEHLO\b|client host rejected: cannot find|STARTTLS|must issue a", _V.OURS, _A.OURS),
    _rule(72, "", "5", r"reputation|banned|access denied|not allowed to send|poor reputation|your (?:IP|server|host)|\bIP address\b.{0,40}(?:reject|block|deni)", _V.BLOCK, _A.EGRESS),
    _rule(72, "", "5", r"\bspam|unsolicited|\bvirus|malware|phish|content (?:reject|filter|restrict|not)|message content|prohibited|policy", _V.CONTENT, _A.CONTENT),
    # the mailbox: full before unknown, since many write "mailbox unavailable: over quota"
    _rule(5, "", "", r"over ?quota|quota (?:is )?(?:exceeded|violation|full)|exceed(?:ed|s)? .{0,30}quota|mailbox (?:is |has )?(?:full|exceeded)|mailfull|storage (?:space )?(?:exceeded|limit|full|allocation)|insufficient (?:system )?storage|(?:mail)?box is full|disk quota|not enough (?:storage|space)|size limit exceeded|full mailbox|too full", _V.FULL, _A.RECIPIENT),
    _rule(20, "", "5", r"message (?:is )?(?:too (?:large|big|long))|message size|exceeds (?:the )?(?:maximum|fixed|allowed)|size exceeds|too large|length exceeds|line too long", _V.CONTENT, _A.CONTENT),
    _rule(4, "", "4", r"", _V.SOFT, _A.RECIPIENT),
    _rule(64, "", "55", r"Invalid Recipient", _V.HARD, _A.RECIPIENT),
    _rule(62, "", "55", r"Recipient address rejected: (?:user|.*user (?:unknown|not found)|.*unknown|.*does(?:n't| not) exist)", _V.HARD, _A.RECIPIENT),
    _rule(71, "", "5", r"user(?: \S{1,80})? (?:is )?(?:unknown|not (?:found|known)|does(?: not|n't) exist)|unknown (?:user|recipient|address|mailbox|local)|no such (?:user|mailbox|recipient|address|account|person|local user|email)|(?:account|mailbox|address|recipient|mail ?box|user)(?: name| address)?(?: \S{1,80})? (?:does(?:n't| not) exist|not found|not exist|is unknown|is invalid|is not (?:a )?(?:known|valid)|unknown)|(?:does(?:n't| not)|not) have an? \S+ account|no (?:mailbox|account) (?:here|by|with|exists)|not a valid (?:mailbox|recipient|user|address)|no longer (?:valid|exists|available|active|in use|works|employed|at this)|not our customer|has moved|unrouteable address|address unknown|non[- ]?exist|invalid (?:mailbox|user|address|final)|account (?:has been )?(?:closed|deleted|terminated)|no valid recipients?", _V.HARD, _A.RECIPIENT),
    _rule(48, "", "5", r"(?:account|mailbox|user|recipient)(?: \S{1,80})? (?:is |has been |was )?(?:currently |temporarily )?(?:disabled|inactive|suspended|deactivated|blocked|locked|not active)|inactive (?:user|account|mailbox|recipient)|disabled (?:user|account|mailbox|recipient)", _V.INACTIVE, _A.RECIPIENT),
)  # fmt: skip

OF_CODES = (
    _rule(71, "", "5", r"^\d{3} 5\.1\.(?:1|10|2|3|6)\b", _V.HARD, _A.RECIPIENT),
    _rule(72, "", "5", r"^\d{3} 5\.1\.[78]\b", _V.OURS, _A.OURS),
    _rule(3, "", "5", r"^\d{3} 5\.2\.1\b", _V.INACTIVE, _A.RECIPIENT),
    _rule(5, "", "", r"^\d{3} [45]\.2\.2\b", _V.FULL, _A.RECIPIENT),
    _rule(20, "", "5", r"^\d{3} 5\.(?:2\.3|3\.4|6\.\d+)\b", _V.CONTENT, _A.CONTENT),
    _rule(72, "", "5", r"^\d{3} 5\.(?:3|4)\.\d+\b", _V.SOFT, _A.RECIPIENT),
    _rule(72, "", "5", r"^\d{3} 5\.5\.\d+\b", _V.OURS, _A.OURS),
)  # fmt: skip

RULES = OF_RECEIVERS + OF_ANYBODY + OF_CODES
