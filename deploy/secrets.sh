#!/bin/sh
# Makes the files of secrets that compose.yaml hands to its containers, in secrets/ beside this file. What is there stays.
#
#   ./secrets.sh           passwords are drawn; what only you can know is asked for, or left for you to write
#   ./secrets.sh --trial   the made-up world of trial.env: nothing is asked
set -eu
cd "$(dirname "$0")"
case "${1:-}" in
  "") trial= ;;
  --trial) trial=yes ;;
  *) echo "Usage: ./secrets.sh [--trial]" >&2; exit 2 ;;
esac

# The directory keeps others of this machine out, who know the files' names. The files are handed to containers one by
# one, and read there by users of their own, so they have no owner to be kept to.
umask 022
mkdir -p -m 0700 secrets
chmod 0700 secrets

there() { # NAME: a file of white space alone waits for its value
  grep -qs '[^[:space:]]' "secrets/$1"
}

write() { # NAME VALUE: unless it is there
  if ! there "$1"; then
    printf '%s\n' "$2" >"secrets/$1"
  fi
}

drawn() { # 32 letters and digits, which need no escape in an address
  LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 32
}

asked() { # NAME QUESTION
  if there "$1"; then
    return
  fi
  answer=
  if test -t 0; then
    shown=$(stty -g)
    trap 'stty "$shown"' EXIT
    trap 'exit 130' INT TERM
    stty -echo
    printf '%s (not shown): ' "$2" >&2
    read -r answer || true
    stty "$shown"
    trap - EXIT INT TERM
    echo >&2
  fi
  write "$1" "$answer"
  if test -z "$answer"; then
    echo "Write $2 into deploy/secrets/$1." >&2
  fi
}

for name in postgres_password domiq_password dagster_password grafana_password; do
  write "$name" "$(drawn)"
done
write dagster_pg_url "postgresql://dagster:$(cat secrets/dagster_password)@postgres:5432/dagster"

if test -n "$trial"; then
  for name in domiq_owner_url domiq_database_url; do
    write "$name" "postgresql://domiq:$(cat secrets/domiq_password)@postgres:5432/domiq"
  done
  write resman_partner_id standin-partner
  write resman_api_key standin-key
else
  asked domiq_owner_url "the address of DomIQ's database for the owner of its tables, who migrates (postgresql://...)"
  asked domiq_database_url "the address of DomIQ's database for the role that the sync runs as (postgresql://...)"
  asked resman_partner_id "ResMan's integration partner id"
  asked resman_api_key "ResMan's API key"
fi
