-- Prisma's pg adapter stores timestamps wrongly while the session's time zone is not UTC
-- (https://github.com/prisma/prisma/issues/26786). The client sets it too; this covers every other program.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET timezone TO ''UTC''', current_database());
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'the time zone of database % stays as it is: % does not own it', current_database(), current_user;
END
$$;
