//! What is said to the server.

/// Whether there is a ledger.
pub(super) const THERE: &str = "SELECT to_regclass('subvm_meta') IS NOT NULL";

/// The tables of layout 1, and that of rules, which earlier releases lack.
pub(super) const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS subvm_meta (name text PRIMARY KEY, value bytea NOT NULL CHECK (octet_length(value) = 8));
    CREATE TABLE IF NOT EXISTS subvm_base (
        key bytea PRIMARY KEY CHECK (octet_length(key) = 56),
        content bytea NOT NULL CHECK (octet_length(content) = 32));
    CREATE TABLE IF NOT EXISTS subvm_pending (
        key bytea CHECK (octet_length(key) = 56),
        height bytea CHECK (octet_length(height) = 8),
        content bytea NOT NULL CHECK (octet_length(content) = 32),
        PRIMARY KEY (key, height));
    CREATE INDEX IF NOT EXISTS subvm_pending_by_height ON subvm_pending (height);
    CREATE TABLE IF NOT EXISTS subvm_rules (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), rules bytea NOT NULL);";

/// What layout 2 adds.
pub(super) const CREATE_2: &str = "
    CREATE TABLE subvm_past (
        key bytea CHECK (octet_length(key) = 56),
        height bytea CHECK (octet_length(height) = 8),
        content bytea NOT NULL CHECK (octet_length(content) = 32),
        PRIMARY KEY (key, height));
    CREATE INDEX subvm_past_by_height ON subvm_past (height);
    CREATE TABLE subvm_roots (
        height bytea PRIMARY KEY CHECK (octet_length(height) = 8),
        root bytea NOT NULL CHECK (octet_length(root) = 32));
    CREATE TABLE subvm_nodes (path bytea PRIMARY KEY, row bytea NOT NULL);";

pub(super) const READ_BASE: &str = "SELECT key, content FROM subvm_base WHERE key BETWEEN $1 AND $2";
pub(super) const READ_PENDING: &str =
    "SELECT key, content FROM subvm_pending WHERE key BETWEEN $1 AND $2 ORDER BY key, height";
/// Accepted pages as a height found them.
pub(super) const READ_PENDING_AT: &str =
    "SELECT key, content FROM subvm_pending WHERE key BETWEEN $1 AND $2 AND height <= $3 ORDER BY key, height";
/// Finalized pages that a later block changed, as it found them.
pub(super) const READ_PAST_AT: &str = "SELECT DISTINCT ON (key) key, content FROM subvm_past
    WHERE key BETWEEN $1 AND $2 AND height > $3 ORDER BY key, height";

pub(super) const PUT: &str = "INSERT INTO subvm_pending (key, content, height)
    SELECT page.key, page.content, $3 FROM unnest($1::bytea[], $2::bytea[]) AS page (key, content)
    ON CONFLICT (key, height) DO UPDATE SET content = EXCLUDED.content";
/// What accepted pages up to a height replace, from the lowest height that is kept on.
pub(super) const KEEP: &str = "INSERT INTO subvm_past (key, height, content)
    SELECT key, height, before FROM (
        SELECT page.key, page.height,
            coalesce(lag(page.content) OVER (PARTITION BY page.key ORDER BY page.height), base.content, $3) AS before
        FROM subvm_pending AS page LEFT JOIN subvm_base AS base ON base.key = page.key WHERE page.height <= $1
    ) AS replaced WHERE height > $2";
pub(super) const FINALIZE: &str = "INSERT INTO subvm_base (key, content)
    SELECT DISTINCT ON (key) key, content FROM subvm_pending WHERE height <= $1 ORDER BY key, height DESC
    ON CONFLICT (key) DO UPDATE SET content = EXCLUDED.content";
pub(super) const FORGET_UP_TO: &str = "DELETE FROM subvm_pending WHERE height <= $1";
/// Takes accepted pages back, and says which.
pub(super) const FORGET_ABOVE: &str = "DELETE FROM subvm_pending WHERE height > $1 RETURNING key";
pub(super) const FORGET_PAST: &str = "DELETE FROM subvm_past WHERE height <= $1";
/// The newest root up to a height is that of the height.
pub(super) const FORGET_ROOTS: &str = "DELETE FROM subvm_roots
    WHERE height < (SELECT height FROM subvm_roots WHERE height <= $1 ORDER BY height DESC LIMIT 1)";
pub(super) const FORGET_ROOTS_ABOVE: &str = "DELETE FROM subvm_roots WHERE height > $1";

/// The newest accepted or finalized content of each of some pages.
pub(super) const NEWEST: &str = "SELECT page.key,
        coalesce((SELECT content FROM subvm_pending WHERE key = page.key ORDER BY height DESC LIMIT 1), base.content)
    FROM unnest($1::bytea[]) AS page (key) LEFT JOIN subvm_base AS base ON base.key = page.key";
/// The pages that blocks above a height wrote, and what they held there: where the height is final, and where it is not.
pub(super) const CHANGED_PAST: &str = "SELECT page.key, coalesce(
        (SELECT content FROM subvm_past WHERE key = page.key AND height > $1 ORDER BY height LIMIT 1), base.content)
    FROM (SELECT key FROM subvm_past WHERE height > $1 UNION SELECT key FROM subvm_pending) AS page
    LEFT JOIN subvm_base AS base ON base.key = page.key";
pub(super) const CHANGED_PENDING: &str = "SELECT page.key, coalesce(
        (SELECT content FROM subvm_pending WHERE key = page.key AND height <= $1 ORDER BY height DESC LIMIT 1), base.content)
    FROM (SELECT DISTINCT key FROM subvm_pending WHERE height > $1) AS page
    LEFT JOIN subvm_base AS base ON base.key = page.key";

pub(super) const ROOT: &str = "SELECT root FROM subvm_roots WHERE height <= $1 ORDER BY height DESC LIMIT 1";
pub(super) const PUT_ROOT: &str = "INSERT INTO subvm_roots (height, root) VALUES ($1, $2)
    ON CONFLICT (height) DO UPDATE SET root = EXCLUDED.root";
pub(super) const ROWS: &str = "SELECT path, row FROM subvm_nodes WHERE path = ANY($1::bytea[])";
pub(super) const PUT_ROWS: &str = "INSERT INTO subvm_nodes (path, row)
    SELECT new.path, new.row FROM unnest($1::bytea[], $2::bytea[]) AS new (path, row)
    ON CONFLICT (path) DO UPDATE SET row = EXCLUDED.row";
pub(super) const REMOVE_ROWS: &str = "DELETE FROM subvm_nodes WHERE path = ANY($1::bytea[])";

/// Finalized pages after one, some at once.
pub(super) const SOME_BASE: &str = "SELECT key, content FROM subvm_base WHERE key > $1 ORDER BY key LIMIT $2";
/// Pages after one as a height has them, some at once: of a height that is not below what is final, and of one that is.
pub(super) const SOME_PENDING_AT: &str = "SELECT page.key, coalesce(
        (SELECT content FROM subvm_pending WHERE key = page.key AND height <= $2 ORDER BY height DESC LIMIT 1), base.content)
    FROM (
        (SELECT key FROM subvm_base WHERE key > $1 ORDER BY key LIMIT $3)
        UNION (SELECT DISTINCT key FROM subvm_pending WHERE key > $1 AND height <= $2 ORDER BY key LIMIT $3)
    ) AS page LEFT JOIN subvm_base AS base ON base.key = page.key ORDER BY page.key LIMIT $3";
pub(super) const SOME_PAST_AT: &str = "SELECT base.key, coalesce(
        (SELECT content FROM subvm_past WHERE key = base.key AND height > $2 ORDER BY height LIMIT 1), base.content)
    FROM subvm_base AS base WHERE base.key > $1 ORDER BY base.key LIMIT $3";
pub(super) const PUT_BASE: &str = "INSERT INTO subvm_base (key, content)
    SELECT page.key, page.content FROM unnest($1::bytea[], $2::bytea[]) AS page (key, content)";
pub(super) const COUNT_BASE: &str = "SELECT count(*) FROM subvm_base";
pub(super) const COUNT_PENDING: &str = "SELECT count(*) FROM subvm_pending";
pub(super) const COUNT_PAST: &str = "SELECT count(*) FROM subvm_past";
pub(super) const COUNT_ROWS: &str = "SELECT count(*) FROM subvm_nodes";

/// The accepted pages of the lowest height from one on.
pub(super) const NEXT_PENDING: &str = "SELECT key, content, height FROM subvm_pending
    WHERE height = (SELECT height FROM subvm_pending WHERE height > $1 ORDER BY height LIMIT 1)";

pub(super) const RULES_THERE: &str = "SELECT to_regclass('subvm_rules') IS NOT NULL";
pub(super) const RULES: &str = "SELECT rules FROM subvm_rules";
pub(super) const PUT_RULES: &str =
    "INSERT INTO subvm_rules (rules) VALUES ($1) ON CONFLICT (only_one) DO UPDATE SET rules = EXCLUDED.rules";

pub(super) const GET: &str = "SELECT value FROM subvm_meta WHERE name = $1";
pub(super) const SET: &str =
    "INSERT INTO subvm_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value";
