"""What any host may say when it refuses; tried after the receivers' own words.

Order is meaning here: whom the words blame is read before anything that sounds like a recipient, "full" before
"unknown" (many write "mailbox unavailable: over quota"), and a bare code last.
"""

from __future__ import annotations

from datetime import timedelta

from mailfleet.mail.reply_rule import ANY_CODE, ANYBODY, Rule, rule
from mailfleet.policy.outcome import About, Verdict

_V, _A = Verdict, About
HOUR = timedelta(hours=1)
_WHO = r"(?:account|mail ?box|address|recipient|user)"


def _any(facts: int, codes: str | tuple[str, ...], text: str | tuple[str, ...], verdict: Verdict, about: About,
         wait: timedelta | None = None) -> Rule:  # fmt: skip
    return rule(facts, ANYBODY, codes, text, verdict, about, wait)


BLAME = (
    _any(63, "5", r"Reject due to policy restrictions", _V.BLOCK, _A.EGRESS),
    _any(65, "5", (r"frequency limited", r"too many recipients this hour", r"sent too many"), _V.SOFT, _A.EGRESS, HOUR),
    _any(67, "5", (r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted))",
         r"(?:unable|not permitted) to relay", r"as a relay", r"no relaying"), _V.OURS, _A.OURS),
    _any(68, ANY_CODE, (r"sender address rejected", r"sender domain", r"domain of sender", r"sender verif",
         r"MAIL FROM domain", r"RFC5321\.From", r"sender (?:is )?(?:invalid|rejected|denied)",
         r"(?:unroutable|invalid) sender"), _V.OURS, _A.OURS),
    _any(69, "5", (r"spamhaus", r"barracuda(?:central|networks)?", r"spamcop", r"sorbs", r"uceprotect", r"\bRBLs?\b",
         r"\bDNSBL\b", r"(?:black|block) ?list", r"listed (?:in|at|by|on)", r"blocked (?:using|by|for)"),
         _V.BLOCK, _A.EGRESS),
    _any(70, ("452", "552"), r"too many recipients", _V.SOFT, _A.OURS),
    _any(66, "4", r"gr[ea]y[- ]?list", _V.SOFT, _A.EGRESS),
    _any(72, "5", (r"DMARC", r"DKIM", r"\bSPF\b", r"unauthenticated", r"authentication (?:\w+ )?(?:required|fail)",
         r"not authenticated"), _V.AUTH, _A.DOMAIN),
    _any(72, "5", (r"reverse (?:DNS|host ?name|mapping|lookup)", r"PTR record", r"no PTR", r"\b(?:HELO|EHLO)\b",
         r"client host rejected: cannot find", r"STARTTLS"), _V.OURS, _A.OURS),
    _any(22, "550", r"\b5\.4\.1\b.*Recipient address rejected: Access denied", _V.HARD, _A.RECIPIENT),
    _any(72, "5", (r"reputation", r"banned", r"access denied", r"not allowed to send", r"your (?:IP|server|host)",
         r"\bIP address\b.{0,40}(?:reject|block|deni)"), _V.BLOCK, _A.EGRESS),
    _any(72, "5", (r"\bspam", r"unsolicited", r"\bvirus", r"malware", r"phish", r"content (?:reject|filter|restrict|not)",
         r"message content", r"prohibited", r"policy"), _V.CONTENT, _A.CONTENT),
    _any(4, "4", r"receiving mail (?:at a rate|too quickly)", _V.SOFT, _A.RECIPIENT),
    # whoever is refused before the recipient was named, is refused for what we are
    _any(68, "5", (r"in reply to (?:MAIL FROM|HELO|EHLO)", r"after MAIL FROM", r"^\d{3} 5\.1\.[78]\b"), _V.OURS, _A.OURS),
)  # fmt: skip

MAILBOX = (
    _any(5, ANY_CODE, (r"over ?quota", r"quota (?:is )?(?:exceeded|violation|full)", r"exceed(?:ed|s)? .{0,30}quota",
         r"mailbox (?:is |has )?(?:full|exceeded)", r"mailfull", r"storage (?:space )?(?:exceeded|limit|full|allocation)",
         r"insufficient (?:system )?storage", r"(?:mail)?box is full", r"disk quota", r"not enough (?:storage|space)",
         r"size limit exceeded", r"full mailbox", r"too full"), _V.FULL, _A.RECIPIENT),
    _any(20, "5", (r"message (?:is )?(?:too (?:large|big|long))", r"message size",
         r"exceeds (?:the )?(?:maximum|fixed|allowed)", r"size exceeds", r"too large", r"length exceeds", r"line too long"),
         _V.CONTENT, _A.CONTENT),
    _any(33, "5", r"recipient preferences", _V.INACTIVE, _A.RECIPIENT),
    _any(64, "55", r"Invalid Recipient", _V.HARD, _A.RECIPIENT),
    _any(62, "55", r"Recipient address rejected: .*(?:unknown|not found|does(?:n't| not) exist)", _V.HARD, _A.RECIPIENT),
    _any(71, "5", (r"unknown (?:user|recipient|address|mailbox|local)", r"user (?:unknown|not (?:found|known|exist))",
         r"no such (?:user|mailbox|recipient|address|account|person|local user|email|domain)",
         rf"{_WHO}(?: name| address)?(?: \S{{1,80}})? (?:does(?:n't| not) exist|not found|is (?:unknown|invalid)|unknown)",
         rf"{_WHO}(?: \S{{1,80}})? is not (?:a )?(?:known|valid)", r"does(?:n't| not) have an? \S+ account",
         r"that you tried to reach does not exist", r"no (?:mailbox|account) (?:here|by|with|exists|found)",
         r"not a valid (?:mailbox|recipient|user|address)",
         r"no longer (?:valid|exists|available|active|in use|works|employed|at this)", r"not our (?:customer|user)",
         r"has moved", r"unrouteable address", r"address unknown", r"non[- ]?exist",
         r"invalid (?:mailbox|user|address|final)", r"account (?:has been )?(?:closed|deleted|terminated)",
         r"no valid recipients?"), _V.HARD, _A.RECIPIENT),
    _any(3, "5",
         (rf"{_WHO}(?: \S{{1,80}})? (?:is |has been |was )?(?:currently |temporarily )?"
          r"(?:disabled|inactive|suspended|deactivated|blocked|locked|not active)",
         rf"(?:inactive|disabled|deactivated) (?:recipient )?{_WHO}"), _V.INACTIVE, _A.RECIPIENT),
    # the words of our own node: the name server answered that there is no such domain, or that it takes no mail
    _any(71, ANY_CODE, (r"Name service error for name=\S+ type=\S+: Host not found(?!,)", r"does not accept mail \(nullMX\)"),
         _V.HARD, _A.RECIPIENT),
)  # fmt: skip

CODES = (
    _any(71, "5", r"^\d{3} 5\.1\.(?:1|10|2|3|6)\b", _V.HARD, _A.RECIPIENT),
    _any(3, "5", r"^\d{3} 5\.2\.1\b", _V.INACTIVE, _A.RECIPIENT),
    _any(5, ANY_CODE, r"^\d{3} [45]\.2\.2\b", _V.FULL, _A.RECIPIENT),
    _any(20, "5", r"^\d{3} 5\.(?:2\.3|3\.4|6\.\d+)\b", _V.CONTENT, _A.CONTENT),
    _any(72, "5", r"^\d{3} 5\.[34]\.\d+\b", _V.SOFT, _A.RECIPIENT),
    _any(72, "5", r"^\d{3} 5\.5\.\d+\b", _V.OURS, _A.OURS),
)  # fmt: skip

OF_ANYBODY = BLAME + MAILBOX + CODES
