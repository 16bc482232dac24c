"""What each receiver says when it refuses, in the order it is tried: its own words before everybody's.

`hard` and `inactive` alone may suppress a person, so a row that gives them needs a text that speaks of the recipient.
"""

from __future__ import annotations

from datetime import timedelta

from mailfleet.mail.reply_rule import ANY_CODE, rule
from mailfleet.policy.outcome import About, Verdict

_V, _A = Verdict, About
MICROSOFT = ("outlook", "m365")
TEN_MINUTES, HOUR = timedelta(minutes=10), timedelta(hours=1)

OF_RECEIVERS = (
    # Gmail
    rule(3, "gmail", "55", r"\b5\.2\.1\b.*(?:inactive|disabled)", _V.INACTIVE, _A.RECIPIENT),
    rule(4, "gmail", ("45", "55"), r"receiving mail (?:at a rate|too quickly)", _V.SOFT, _A.RECIPIENT),
    rule(6, "gmail", "552", r"\b5\.2\.2\b.*(?:inactive|over ?quota)", _V.INACTIVE, _A.RECIPIENT),
    rule(9, "gmail", "4", r"\b4\.7\.28\b", _V.SOFT, _A.EGRESS, TEN_MINUTES),
    rule(10, "gmail", "5", r"\b5\.7\.28\b.*(?:DKIM domain|SPF domain|from domain|sending domain)", _V.BLOCK, _A.DOMAIN),
    rule(10, "gmail", "5", r"\b5\.7\.28\b", _V.BLOCK, _A.EGRESS),
    rule(11, "gmail", ANY_CODE, r"\b(?:4\.7\.23|5\.7\.25)\b", _V.OURS, _A.OURS),
    rule(12, "gmail", ANY_CODE, r"\b[45]\.7\.2[47]\b", _V.AUTH, _A.DOMAIN),
    rule(13, "gmail", ANY_CODE, r"\b[45]\.7\.26\b", _V.AUTH, _A.DOMAIN),
    rule(14, "gmail", ANY_CODE, r"\b[45]\.7\.29\b", _V.OURS, _A.OURS),
    rule(15, "gmail", ANY_CODE, r"\b[45]\.7\.30\b", _V.AUTH, _A.DOMAIN),
    rule(16, "gmail", ANY_CODE, r"\b[45]\.7\.(?:31|32|40)\b", _V.AUTH, _A.DOMAIN),
    rule(18, "gmail", "55", (r"Encoded-word syntax", r"multiple (?:addresses|[\w-]+ headers)", r"duplicate headers",
                             r"RFC ?5322 compliant"), _V.OURS, _A.OURS),
    rule(17, "gmail", "5", r"reputation of the sending domain|low reputation of (?:the )?domain", _V.BLOCK, _A.DOMAIN),
    rule(17, "gmail", "5", (r"reputation of the (?:sending )?IP", r"unusual rate of unsolicited mail originating from your IP"),
         _V.BLOCK, _A.EGRESS),
    rule(17, "gmail", "5", r"likely (?:unsolicited|suspicious)|unsolicited mail", _V.CONTENT, _A.CONTENT),
    rule(19, "gmail", ("452", "550"), r"[45]\.5\.3\b.*(?:multiple destination domains|recipients)", _V.SOFT, _A.OURS),
    rule(20, "gmail", "552", r"\b5\.3\.4\b|\b5\.7\.0\b", _V.CONTENT, _A.CONTENT),
    rule(8, "gmail", "421", r"\b4\.7\.0\b", _V.SOFT, _A.EGRESS),
    # Microsoft: consumer and business answer alike
    rule(28, MICROSOFT, ANY_CODE, r"is on our block ?list|S31(?:40|50)|weren't sent.*block list", _V.BLOCK, _A.EGRESS),
    rule(26, MICROSOFT, "4", r"4\.7\.650|rate limited due to IP reputation", _V.SOFT, _A.EGRESS),
    rule(27, MICROSOFT, "4", r"\bRP-00[123]\b", _V.SOFT, _A.EGRESS),
    rule(29, MICROSOFT, ANY_CODE, r"\bSC-00[134]\b", _V.BLOCK, _A.EGRESS),
    rule(30, MICROSOFT, ANY_CODE, r"\bSC-002\b", _V.BLOCK, _A.EGRESS),
    rule(31, MICROSOFT, ANY_CODE, r"\b(?:DY-00[12]|OU-00[12])\b", _V.BLOCK, _A.EGRESS),
    rule(32, MICROSOFT, "5", r"\b5\.7\.511\b|banned sender", _V.BLOCK, _A.MAILBOX),
    rule(32, MICROSOFT, "5", r"\b5\.7\.6(?:0[6-9]|[1-4]\d)\b|banned sending IP", _V.BLOCK, _A.EGRESS),
    rule(33, MICROSOFT, "5", r"\b5\.7\.(?:513|124|133|134|136|504|505)\b", _V.INACTIVE, _A.RECIPIENT),
    rule(34, MICROSOFT, "5", r"\b5\.7\.(?:515|509|23)\b", _V.AUTH, _A.DOMAIN),
    rule(35, MICROSOFT, "5", r"\b5\.7\.(?:25|506)\b", _V.OURS, _A.OURS),
    rule(35, MICROSOFT, "5", r"\b5\.7\.508\b", _V.SOFT, _A.EGRESS, HOUR),
    rule(24, MICROSOFT, ANY_CODE, r"\b4\.3\.2\b|\b5\.2\.12[12]\b|concurrent connections", _V.SOFT, _A.EGRESS),
    rule(25, MICROSOFT, "4", r"\b4\.7\.(?:[56]\d\d|8[5-9]\d)\b", _V.SOFT, _A.EGRESS),
    rule(22, MICROSOFT, "55", (r"\b5\.1\.10?\b", r"RecipientNotFound", r"\b5\.4\.1\b.*Recipient address rejected: Access denied"),
         _V.HARD, _A.RECIPIENT),
    rule(23, MICROSOFT, ANY_CODE, r"\b[45]\.2\.2\b|mailbox (?:is )?full", _V.FULL, _A.RECIPIENT),
    rule(21, "outlook", "55", r"Requested action not taken: mailbox unavailable", _V.HARD, _A.RECIPIENT),
    # Yahoo and AOL
    rule(36, "yahoo", "554", (r"doesn't have an? \S+ account", r"mailbox (?:is )?disabled", r"\bdd\b.*account", r"\b554 30\b"),
         _V.HARD, _A.RECIPIENT),
    rule(37, "yahoo", "552", r"mailbox not found", _V.HARD, _A.RECIPIENT),
    rule(39, "yahoo", "553", r"\[TSS(?:09|11)\]|permanently deferred", _V.BLOCK, _A.EGRESS),
    rule(38, "yahoo", "4", r"\[(?:TSS|IPTS)\d\d\]|\bTS0\d\b", _V.SOFT, _A.EGRESS, HOUR),
    rule(40, "yahoo", "5", r"\[BL2\d\]", _V.BLOCK, _A.EGRESS),
    rule(42, "yahoo", "5", r"\b5\.7\.9\b.*(?:unauthenticated|DMARC|not authenticated|authentication)", _V.AUTH, _A.DOMAIN),
    rule(41, "yahoo", "5", r"\b5\.7\.9\b|\[PH01\]|not accepted for policy reasons", _V.CONTENT, _A.CONTENT),
    rule(43, "yahoo", ANY_CODE, r"resolve RFC5321\.From domain", _V.OURS, _A.OURS),
    rule(44, "yahoo", "4", r"receiving mail too quickly|Max message per connection", _V.SOFT, _A.RECIPIENT),
    # Apple
    rule(47, "icloud", "5", r"\[CS01\]|\[HME1\]", _V.CONTENT, _A.CONTENT),
    rule(47, "icloud", "5", r"\b(?:DBL|SBL)\b", _V.BLOCK, _A.EGRESS),
    rule(46, "icloud", "4", r"excessive|\[HCM1\]|\[BS02\]", _V.SOFT, _A.EGRESS),
    # Mail.ru
    rule(54, "mailru", "5", r"sending for this account is disabled", _V.BLOCK, _A.MAILBOX),
    rule(48, "mailru", "5", r"invalid mailbox|non-local recipient verification failed", _V.HARD, _A.RECIPIENT),
    rule(49, "mailru", "5", r"spam message rejected|spam message discarded", _V.CONTENT, _A.CONTENT),
    rule(51, "mailru", "5", r"dynamic IP|generic PTR|reverse DNS|PTR record", _V.OURS, _A.OURS),
    rule(52, "mailru", "5", r"DMARC", _V.AUTH, _A.DOMAIN),
    rule(50, "mailru", "4", r"abuse@corp\.mail\.ru|too many (?:letters|messages)", _V.SOFT, _A.EGRESS),
    rule(49, "mailru", "5", r"Access from ip address|notspam-support", _V.BLOCK, _A.EGRESS),
    # Yandex: a 5.7.1 that means "no such user"
    rule(55, "yandex", "5", r"No such user", _V.HARD, _A.RECIPIENT),
    rule(56, "yandex", "5", r"Policy rejection on the target address", _V.INACTIVE, _A.RECIPIENT),
    rule(58, "yandex", "5", r"Client host.*blocked|spamsource\.yandex|spam statistics", _V.BLOCK, _A.EGRESS),
    rule(57, "yandex", "5", r"suspicion of SPAM|ya\.cc", _V.CONTENT, _A.CONTENT),
    rule(60, "yandex", "4", r"Spam limit exceeded", _V.SOFT, _A.EGRESS, HOUR),
    rule(59, "yandex", "4", r"currently unavailable", _V.SOFT, _A.EGRESS),
    rule(60, "yandex", "552", r"\b5\.2\.2\b|size limit", _V.FULL, _A.RECIPIENT),
    rule(61, "yandex", "5", (r"Bad address mailbox syntax", r"No correct recipients", r"need fully-qualified address"),
         _V.HARD, _A.RECIPIENT),
)  # fmt: skip
