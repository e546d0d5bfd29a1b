-- What stands between publications. Run before each load; running it again changes nothing.
-- A member of a partner role sees its partner's rows. Whose login it is, is asked of session_user: that is who has
-- authenticated, and neither SET ROLE nor a function with its owner's rights changes it.
CREATE SCHEMA IF NOT EXISTS serving;
COMMENT ON SCHEMA serving IS 'Kept between publications: whose login is which partner''s, and what was loaded.';
CREATE TABLE IF NOT EXISTS serving.members (login text PRIMARY KEY, partner_id text NOT NULL);
COMMENT ON TABLE serving.members IS 'One row says that a login belongs to a partner. Only internal_admin writes it.';
COMMENT ON COLUMN serving.members.login IS 'The login, as it authenticates.';
COMMENT ON COLUMN serving.members.partner_id IS 'The partner whose rows it sees, as in partners.dim_partner.';
CREATE TABLE IF NOT EXISTS serving.publications (
    publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of timestamptz,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    tables integer NOT NULL,
    rows bigint NOT NULL
);
COMMENT ON TABLE serving.publications IS
    'One row is one publication that was swapped in; the newest is the one served.';
COMMENT ON COLUMN serving.publications.publication_id IS 'In the order of loading.';
COMMENT ON COLUMN serving.publications.as_of IS 'The instant it was computed for, UTC.';
COMMENT ON COLUMN serving.publications.loaded_at IS 'When the swap began, UTC.';
COMMENT ON COLUMN serving.publications.tables IS 'How many tables it has.';
COMMENT ON COLUMN serving.publications.rows IS 'How many rows its tables have.';
-- Who loads a publication holds this table's lock. It has no rows, and no COMMENT, which would wait for that lock.
CREATE TABLE IF NOT EXISTS serving.loader ();
CREATE OR REPLACE FUNCTION serving.my_partner() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT partner_id FROM serving.members WHERE login = session_user';
COMMENT ON FUNCTION serving.my_partner() IS 'The partner of the login that has authenticated; null where it has none.';
REVOKE ALL ON FUNCTION serving.my_partner() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION serving.my_partner() TO partner_admin, partner_user, internal_admin;
GRANT USAGE ON SCHEMA serving TO internal_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON serving.members TO internal_admin;
GRANT SELECT ON serving.publications TO internal_admin;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
