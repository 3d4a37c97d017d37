#!/bin/sh
# What the official entry point does with an empty volume, as far as compose.yaml relies on it.
set -eu
if ! test -s "$PGDATA/PG_VERSION"; then
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  pg_ctl -w -o "-c listen_addresses= -k /tmp" start >/dev/null
  for script in /docker-entrypoint-initdb.d/*.sql; do
    psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -h /tmp -U postgres -d postgres -f "$script"
  done
  pg_ctl -w -m fast stop >/dev/null
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
