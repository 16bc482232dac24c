"""Whether somebody or something forbids a message: pieces of SQL over a message `m`, shared by claim and begin."""

SUPPRESSED = """
    SELECT s.reason FROM (
           SELECT tenant_id, reason, expires_at FROM mailfleet.suppressions WHERE person_hash = m.person_hash
           UNION ALL
           SELECT tenant_id, reason, expires_at FROM mailfleet.suppressions WHERE address_hash = m.address_hash
           UNION ALL
           SELECT d.tenant_id, d.reason, d.expires_at FROM mailfleet.leads w JOIN mailfleet.suppressions d ON d.domain = w.domain
            WHERE w.tenant_id = m.tenant_id AND w.lead_id = m.lead_id) AS s
     WHERE (s.tenant_id IS NULL OR s.tenant_id = m.tenant_id) AND (s.expires_at IS NULL OR s.expires_at > :now)
     LIMIT 1
"""

STOPPED = """
    SELECT FROM mailfleet.stops s
     WHERE s.ended_at IS NULL AND (s.until IS NULL OR s.until > :now)
       AND s.scope_id = CASE s.scope WHEN 'tenant' THEN m.tenant_id WHEN 'campaign' THEN m.campaign_id
                                     WHEN 'mailbox' THEN m.mailbox_id WHEN 'domain' THEN m.domain_id
                                     WHEN 'egress' THEN m.egress_id WHEN 'node' THEN m.node_id
                                     WHEN 'import' THEN m.import_id END
"""

# A finished enrolment's last message may come back to be tried again.
ENROLLED = """
    SELECT FROM mailfleet.enrolments e
     WHERE e.tenant_id = m.tenant_id AND e.enrolment_id = m.enrolment_id AND (e.state = 'active' OR e.ended = 'finished')
"""

LAWFUL = """
    SELECT FROM mailfleet.leads p WHERE p.tenant_id = m.tenant_id AND p.lead_id = m.lead_id AND p.basis <> ''
"""
