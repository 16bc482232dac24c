-- To whom, why we may, and what we mean to say.

CREATE TABLE mailfleet.imports (
    tenant_id     int NOT NULL,
    import_id     bigint GENERATED ALWAYS AS IDENTITY,
    direction_id  int,                 -- NULL: the file names the direction in each row
    file_name     text NOT NULL,
    file_sha256   bytea NOT NULL,
    encoding      text NOT NULL,
    delimiter     text NOT NULL,
    rows          int NOT NULL,
    accepted      int NOT NULL CHECK (accepted >= 0),  -- known ones included
    known         int NOT NULL CHECK (known BETWEEN 0 AND accepted),
    refused       int NOT NULL CHECK (refused >= 0),
    actor         text NOT NULL,
    taken_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, import_id),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions,
    CONSTRAINT books_balance CHECK (rows = accepted + refused)
);

-- Of a row we may not keep: where it stood, why, and a keyed hash to answer "why not this person?".
CREATE TABLE mailfleet.refused_rows (
    tenant_id     int NOT NULL,
    import_id     bigint NOT NULL,
    line          int NOT NULL CHECK (line >= 1),
    reason        text NOT NULL CHECK (reason IN ('no_address', 'bad_syntax', 'no_mx', 'null_mx', 'disposable',
                      'no_basis', 'region', 'suppressed', 'duplicate', 'control_characters')),
    address_hash  bytea,               -- NULL where the row held no address
    PRIMARY KEY (tenant_id, import_id, line),
    FOREIGN KEY (tenant_id, import_id) REFERENCES mailfleet.imports
);
CREATE INDEX refused_rows_address ON mailfleet.refused_rows (address_hash);

CREATE TABLE mailfleet.leads (
    tenant_id      int NOT NULL,
    lead_id        bigint GENERATED ALWAYS AS IDENTITY,
    direction_id   int NOT NULL,
    import_id      bigint NOT NULL,    -- the file that brought the person first
    person_hash    bytea NOT NULL CHECK (octet_length(person_hash) = 16),
    address_hash   bytea NOT NULL CHECK (octet_length(address_hash) = 16),
    hash_key_id    smallint NOT NULL,
    address        text NOT NULL CHECK (address !~ '[[:cntrl:][:space:]]'),
    domain         text NOT NULL,      -- A-label, lower case
    receiver       text NOT NULL,      -- the recipient's mail system, by MX
    flags          text[] NOT NULL DEFAULT '{}',  -- role, typo, dns_unknown
    given_name     text NOT NULL DEFAULT '',
    family_name    text NOT NULL DEFAULT '',
    company        text NOT NULL DEFAULT '',
    country        text NOT NULL,      -- ISO 3166-1, the jurisdiction after the stricter-only rules
    language       text NOT NULL,
    time_zone      text NOT NULL,
    basis          text NOT NULL,      -- why we may write (law 5), with its evidence
    basis_source   text NOT NULL,
    basis_at       date NOT NULL,
    variables      jsonb NOT NULL DEFAULT '{}',
    taken_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, lead_id),
    UNIQUE (tenant_id, person_hash),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions,
    FOREIGN KEY (tenant_id, import_id) REFERENCES mailfleet.imports,
    CONSTRAINT no_control_characters CHECK (
        (given_name || family_name || company || basis_source) !~ '[[:cntrl:]]')
);
CREATE INDEX leads_address ON mailfleet.leads (address_hash);

CREATE TABLE mailfleet.campaigns (
    tenant_id     int NOT NULL,
    campaign_id   bigint GENERATED ALWAYS AS IDENTITY,
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,40}$'),
    direction_id  int NOT NULL,
    approved      int,                 -- the version that sends; NULL: a draft
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id),
    UNIQUE (tenant_id, slug),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions
);

CREATE TABLE mailfleet.campaign_versions (
    tenant_id     int NOT NULL,
    campaign_id   bigint NOT NULL,
    version       int NOT NULL CHECK (version >= 1),
    window_start  time NOT NULL,       -- in the lead's own time zone
    window_end    time NOT NULL,
    daily_limit   int NOT NULL CHECK (daily_limit > 0),
    ends_at       timestamptz NOT NULL,
    actor         text NOT NULL,
    created_at    timestamptz NOT NULL,
    approved_at   timestamptz,
    approved_by   text,
    PRIMARY KEY (tenant_id, campaign_id, version),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES mailfleet.campaigns,
    CONSTRAINT the_window_opens CHECK (window_start < window_end),
    CONSTRAINT approval_has_an_actor CHECK ((approved_at IS NULL) = (approved_by IS NULL))
);
ALTER TABLE mailfleet.campaigns ADD FOREIGN KEY (tenant_id, campaign_id, approved)
    REFERENCES mailfleet.campaign_versions (tenant_id, campaign_id, version);

CREATE TABLE mailfleet.campaign_steps (
    tenant_id      int NOT NULL,
    campaign_id    bigint NOT NULL,
    version        int NOT NULL,
    step_key       text NOT NULL CHECK (step_key ~ '^[a-z0-9][a-z0-9-]{0,30}$'),
    position       int NOT NULL CHECK (position >= 1),
    delay_days     int NOT NULL CHECK (delay_days >= 0),  -- working days after the step before
    subject        text NOT NULL,      -- Jinja2; a follow-up's empty subject means: as the first, with Re:
    text_body      text NOT NULL,
    html_body      text NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id, version, step_key),
    UNIQUE (tenant_id, campaign_id, version, position),
    FOREIGN KEY (tenant_id, campaign_id, version) REFERENCES mailfleet.campaign_versions
);

-- One lead in one campaign. Keeps the person's hash and outlives the lead's erasure (no foreign key to leads).
CREATE TABLE mailfleet.enrolments (
    tenant_id       int NOT NULL,
    enrolment_id    bigint GENERATED ALWAYS AS IDENTITY,
    campaign_id     bigint NOT NULL,
    lead_id         bigint NOT NULL,
    person_hash     bytea NOT NULL,
    mailbox_id      int NOT NULL,      -- the whole thread leaves by one mailbox
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended')),
    ended           text CHECK (ended IN ('finished', 'answered', 'bounced', 'suppressed', 'expired')),
    steps_planned   int NOT NULL DEFAULT 0,   -- planning is a compare-and-set on this
    next_due_at     timestamptz,
    thread          bigint[] NOT NULL DEFAULT '{}',  -- message ids of the steps planned so far
    enrolled_at     timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (tenant_id, enrolment_id),
    UNIQUE (tenant_id, campaign_id, lead_id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES mailfleet.campaigns,
    FOREIGN KEY (tenant_id, mailbox_id) REFERENCES mailfleet.mailboxes,
    CONSTRAINT an_end_has_a_reason CHECK ((state = 'ended') = (ended IS NOT NULL)
                                          AND (state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX enrolments_due ON mailfleet.enrolments (tenant_id, campaign_id, next_due_at) WHERE state = 'active';
CREATE INDEX enrolments_person ON mailfleet.enrolments (tenant_id, person_hash);
