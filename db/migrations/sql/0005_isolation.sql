-- Who sees what. `@control@` runs the flows, `@tenant@` one tenant's reads (SET LOCAL mailfleet.tenant),
-- `@web@` the public service, `@nodes@` is the group of the nodes' login roles.
-- Partitions and views get no grants: reading them directly would go around these policies.

REVOKE ALL ON SCHEMA mailfleet FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mailfleet FROM PUBLIC;
GRANT USAGE ON SCHEMA mailfleet TO @control@, @tenant@, @web@, @nodes@;

-- An unset setting is '' after SET LOCAL, and '' must mean: nobody.
CREATE FUNCTION mailfleet.my_tenant() RETURNS int LANGUAGE sql STABLE AS $$
    SELECT NULLIF(current_setting('mailfleet.tenant', true), '')::int
$$;
REVOKE ALL ON FUNCTION mailfleet.my_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mailfleet.my_tenant() TO @tenant@;
GRANT EXECUTE ON FUNCTION mailfleet.my_node() TO @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.business_now() TO @control@, @tenant@, @web@, @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.ensure_months(int) TO @control@;

DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'mailfleet' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version' LOOP
        EXECUTE format('ALTER TABLE mailfleet.%I ENABLE ROW LEVEL SECURITY', name);
    END LOOP;
    FOR name IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'mailfleet' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                   AND c.relname NOT IN ('alembic_version', 'audit', 'clock') LOOP
        EXECUTE format('CREATE POLICY all_tenants ON mailfleet.%I FOR ALL TO @control@ USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON mailfleet.%I TO @control@', name);
    END LOOP;
END $$;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA mailfleet TO @control@;

-- The audit is appended, never changed; the clock is moved, never set.
CREATE POLICY appended ON mailfleet.audit FOR INSERT TO @control@ WITH CHECK (true);
CREATE POLICY readable ON mailfleet.audit FOR SELECT TO @control@ USING (true);
GRANT SELECT, INSERT ON mailfleet.audit TO @control@;
CREATE POLICY moved ON mailfleet.clock FOR UPDATE TO @control@ USING (true) WITH CHECK (true);
CREATE POLICY readable ON mailfleet.clock FOR SELECT TO @control@, @tenant@, @web@, @nodes@ USING (true);
GRANT SELECT ON mailfleet.clock TO @control@, @tenant@, @web@, @nodes@;
GRANT UPDATE (business_at, wall_at) ON mailfleet.clock TO @control@;

-- A tenant's session: its own rows, whatever the statement says. Keys and sealed columns are not granted.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'directions', 'domains', 'mailboxes', 'routes', 'imports', 'refused_rows', 'leads',
                                'campaigns', 'campaign_versions', 'campaign_steps', 'enrolments', 'messages', 'attempts', 'events',
                                'verdicts', 'suppressions', 'incidents', 'stops'] LOOP
        EXECUTE format('CREATE POLICY own_rows ON mailfleet.%I FOR ALL TO @tenant@
                        USING (tenant_id = mailfleet.my_tenant()) WITH CHECK (tenant_id = mailfleet.my_tenant())', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['directions', 'mailboxes', 'routes', 'imports', 'refused_rows', 'campaigns', 'campaign_versions',
                                'campaign_steps', 'enrolments', 'messages', 'attempts', 'events', 'verdicts', 'suppressions',
                                'incidents', 'stops', 'leads'] LOOP
        EXECUTE format('GRANT SELECT ON mailfleet.%I TO @tenant@', name);
    END LOOP;
END $$;
GRANT SELECT (tenant_id, slug, name, legal_name, postal_address, contact, privacy_url, daily_limit, created_at) ON mailfleet.tenants TO @tenant@;
GRANT SELECT (tenant_id, domain_id, name, bounce_domain, tracking_host, hourly_limit, dkim_selector) ON mailfleet.domains TO @tenant@;
-- What a tenant may do by itself: say whom not to write to.
GRANT INSERT ON mailfleet.suppressions TO @tenant@;

-- The public service: what arrives, and "never again" for whoever asks. It reads no person.
CREATE POLICY arrives ON mailfleet.inbox FOR INSERT TO @web@ WITH CHECK (source = 'one_click' AND applied_at IS NULL);
GRANT INSERT ON mailfleet.inbox TO @web@;
CREATE POLICY arrives ON mailfleet.event_keys FOR INSERT TO @web@ WITH CHECK (source = 'one_click');
CREATE POLICY seen ON mailfleet.event_keys FOR SELECT TO @web@ USING (source = 'one_click');
GRANT SELECT, INSERT ON mailfleet.event_keys TO @web@;
CREATE POLICY unsubscribe ON mailfleet.suppressions FOR INSERT TO @web@
    WITH CHECK (reason = 'unsubscribe' AND kind = 'address' AND tenant_id IS NOT NULL AND expires_at IS NULL);
CREATE POLICY unsubscribed ON mailfleet.suppressions FOR SELECT TO @web@ USING (reason = 'unsubscribe');
GRANT INSERT ON mailfleet.suppressions TO @web@;
GRANT SELECT (kind, tenant_id, person_hash, address_hash, domain, reason) ON mailfleet.suppressions TO @web@;

-- A node: its own messages and what they need; it moves state, claim and result, and no message to another node.
CREATE POLICY own_name ON mailfleet.nodes FOR SELECT TO @nodes@ USING (role_name = current_user);
CREATE POLICY own ON mailfleet.egresses FOR SELECT TO @nodes@ USING (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.leases FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.heartbeats FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.node_chunks FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.queue_ids FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node()))
    WITH CHECK (node_id = (SELECT mailfleet.my_node()) AND EXISTS (
        SELECT 1 FROM mailfleet.messages m WHERE m.message_id = queue_ids.message_id));
CREATE POLICY own ON mailfleet.messages FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
GRANT SELECT ON mailfleet.nodes, mailfleet.egresses, mailfleet.messages TO @nodes@;
GRANT SELECT, INSERT, UPDATE, DELETE ON mailfleet.leases TO @nodes@;
GRANT SELECT, INSERT, UPDATE ON mailfleet.heartbeats, mailfleet.node_chunks, mailfleet.queue_ids TO @nodes@;
GRANT UPDATE (state, reason, due_at, hold_until, lease_id, fence, allowed_hour, attempt, began_at, queue_ref, submitted_at, ended_at) ON mailfleet.messages TO @nodes@;

CREATE POLICY of_my_messages ON mailfleet.leads FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = leads.tenant_id AND m.lead_id = leads.lead_id
       AND m.state IN ('planned', 'deferred', 'claimed', 'sending')));
-- Whether the thread still goes on: read in the claim and again in the begin.
CREATE POLICY of_my_messages ON mailfleet.enrolments FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = enrolments.tenant_id AND m.lead_id = enrolments.lead_id
       AND m.enrolment_id = enrolments.enrolment_id));
GRANT SELECT (tenant_id, enrolment_id, state, ended) ON mailfleet.enrolments TO @nodes@;
-- By the mailboxes that leave by this node, not by its messages: those would be searched to the end for every campaign of others.
CREATE POLICY of_my_egresses ON mailfleet.campaigns FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = campaigns.tenant_id AND b.direction_id = campaigns.direction_id));
CREATE POLICY of_my_egresses ON mailfleet.campaign_versions FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.campaigns c WHERE c.tenant_id = campaign_versions.tenant_id AND c.campaign_id = campaign_versions.campaign_id));
CREATE POLICY of_my_egresses ON mailfleet.campaign_steps FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.campaigns c WHERE c.tenant_id = campaign_steps.tenant_id AND c.campaign_id = campaign_steps.campaign_id));
CREATE POLICY of_my_egresses ON mailfleet.routes FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.egresses e WHERE e.egress_id = routes.egress_id));
CREATE POLICY of_my_egresses ON mailfleet.mailboxes FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.routes r WHERE r.tenant_id = mailboxes.tenant_id AND r.mailbox_id = mailboxes.mailbox_id));
CREATE POLICY of_my_egresses ON mailfleet.domains FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = domains.tenant_id AND b.domain_id = domains.domain_id));
CREATE POLICY of_my_egresses ON mailfleet.tenants FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = tenants.tenant_id));
CREATE POLICY of_my_egresses ON mailfleet.directions FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = directions.tenant_id));
GRANT SELECT ON mailfleet.leads, mailfleet.campaigns, mailfleet.campaign_versions, mailfleet.campaign_steps, mailfleet.routes,
    mailfleet.mailboxes, mailfleet.domains, mailfleet.tenants, mailfleet.directions TO @nodes@;

-- What a gate and a breaker must see of the whole fleet: hashes, flags and counts, no person.
CREATE POLICY gate ON mailfleet.suppressions FOR SELECT TO @nodes@ USING (true);
GRANT SELECT (suppression_id, kind, tenant_id, person_hash, address_hash, hash_key_id, domain, reason, since, expires_at) ON mailfleet.suppressions TO @nodes@;
CREATE POLICY hard ON mailfleet.suppressions FOR INSERT TO @nodes@ WITH CHECK (reason IN ('hard', 'inactive') AND kind = 'address' AND tenant_id IS NULL);
GRANT INSERT ON mailfleet.suppressions TO @nodes@;
CREATE POLICY gate ON mailfleet.stops FOR SELECT TO @nodes@ USING (true);
CREATE POLICY breaker ON mailfleet.stops FOR INSERT TO @nodes@ WITH CHECK (cause = 'breaker');
GRANT SELECT, INSERT ON mailfleet.stops TO @nodes@;
CREATE POLICY gate ON mailfleet.incidents FOR SELECT TO @nodes@ USING (true);
CREATE POLICY breaker ON mailfleet.incidents FOR INSERT TO @nodes@ WITH CHECK (true);
GRANT SELECT, INSERT ON mailfleet.incidents TO @nodes@;
-- What has run out would stand in the way of the next decision: a node may end it, at the time it ran out.
CREATE POLICY expired ON mailfleet.stops FOR UPDATE TO @nodes@
    USING (cause = 'breaker' AND ended_at IS NULL AND until <= mailfleet.business_now()) WITH CHECK (ended_at = until);
GRANT UPDATE (ended_at, ended_by) ON mailfleet.stops TO @nodes@;
CREATE POLICY expired ON mailfleet.incidents FOR UPDATE TO @nodes@
    USING (ended_at IS NULL AND until <= mailfleet.business_now()) WITH CHECK (ended_at = until);
GRANT UPDATE (ended_at) ON mailfleet.incidents TO @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.capacity(int, text, bigint) TO @control@, @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.domain_suppressed(int, bigint, timestamptz) TO @nodes@;
CREATE POLICY breaker ON mailfleet.outbox FOR INSERT TO @nodes@ WITH CHECK (emitted_at IS NULL);
GRANT INSERT ON mailfleet.outbox TO @nodes@;
CREATE POLICY counts ON mailfleet.allowances FOR ALL TO @nodes@ USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON mailfleet.allowances TO @nodes@;
CREATE POLICY counts ON mailfleet.verdicts FOR SELECT TO @nodes@ USING (true);
CREATE POLICY of_my_messages ON mailfleet.verdicts FOR INSERT TO @nodes@ WITH CHECK (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.message_id = verdicts.message_id));
GRANT SELECT, INSERT ON mailfleet.verdicts TO @nodes@;
CREATE POLICY gate ON mailfleet.ledger_epoch FOR SELECT TO @nodes@ USING (true);
CREATE POLICY hold ON mailfleet.ledger_epoch FOR UPDATE TO @nodes@ USING (state = 'open') WITH CHECK (state = 'holding');
GRANT SELECT ON mailfleet.ledger_epoch TO @nodes@;
GRANT UPDATE (state, since, reason) ON mailfleet.ledger_epoch TO @nodes@;

-- What a node appends: its tries, the events of its own messages, its log.
CREATE POLICY own ON mailfleet.attempts FOR INSERT TO @nodes@ WITH CHECK (node_id = (SELECT mailfleet.my_node()) AND EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = attempts.tenant_id AND m.message_id = attempts.message_id));
GRANT INSERT ON mailfleet.attempts TO @nodes@;
CREATE POLICY of_my_messages ON mailfleet.events FOR INSERT TO @nodes@ WITH CHECK (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = events.tenant_id AND m.message_id = events.message_id));
GRANT INSERT ON mailfleet.events TO @nodes@;
CREATE POLICY own ON mailfleet.inbox FOR INSERT TO @nodes@
    WITH CHECK (source = 'node_log' AND node_id = (SELECT mailfleet.my_node()) AND applied_at IS NULL);
GRANT INSERT ON mailfleet.inbox TO @nodes@;
CREATE POLICY own ON mailfleet.event_keys FOR INSERT TO @nodes@ WITH CHECK (source = 'node_log');
CREATE POLICY own_seen ON mailfleet.event_keys FOR SELECT TO @nodes@ USING (source = 'node_log');
GRANT SELECT, INSERT ON mailfleet.event_keys TO @nodes@;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA mailfleet TO @nodes@, @web@, @tenant@;
