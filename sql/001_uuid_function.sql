-- uuid_generate_v4(): the uuid-ossp extension where it can be had, else a function of that name over
-- gen_random_uuid() (in PostgreSQL itself since version 13). An existing one, in any schema on the
-- search path, is left alone. Where the extension lies in a schema off the path, nothing here could
-- call its function: then it is the function over gen_random_uuid(), too.
DO $$
BEGIN
    IF to_regprocedure('uuid_generate_v4()') IS NOT NULL THEN
        RETURN;
    END IF;
    BEGIN
        CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
    EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file
                OR undefined_object OR invalid_parameter_value THEN
        RAISE NOTICE 'uuid-ossp cannot be had here (%); using gen_random_uuid()', SQLERRM;
    END;
    IF to_regprocedure('uuid_generate_v4()') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid
        LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT gen_random_uuid()';
END $$;
