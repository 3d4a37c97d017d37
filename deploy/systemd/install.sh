#!/bin/sh
# Installs, or upgrades, the sync as services of systemd on this machine. As root, in a checkout after `make wheels`:
#
#   deploy/systemd/install.sh [--root DIRECTORY]
#
# Before an upgrade: systemctl stop domiq-sync.target, since what runs still loads from what is replaced. It starts
# nothing, and leaves what is in /etc/domiq-sync alone. Then, as docs/one-machine.md says: write the secrets,
# systemctl enable --now domiq-sync.target
set -eu
root=
if test "${1:-}" = --root && test -n "${2:-}"; then
  root=$2
elif test $# -gt 0; then
  echo "Usage: install.sh [--root DIRECTORY]" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
wheels=$source/build/wheels
if ! ls "$wheels"/domiq_dagster-*.whl >/dev/null 2>&1; then
  echo "There are no wheels in build/wheels: run make wheels first." >&2
  exit 2
fi
python=${PYTHON:-python3}
umask 022 # the services' user reads and runs what is installed

mkdir -p "$root/opt/domiq/dagster_home" "$root/etc/systemd/system" "$root/etc/domiq-sync/secrets"
chmod 0700 "$root/etc/domiq-sync/secrets"
"$python" -m venv --clear "$root/opt/domiq/venv"
"$root/opt/domiq/venv/bin/python" -m pip install --no-index --quiet --disable-pip-version-check \
  --find-links "$wheels" domiq-dagster
cat "$source/dagster.yaml" "$source/deploy/dagster/directories.yaml" >"$root/opt/domiq/dagster_home/dagster.yaml"
cp "$source/deploy/dagster/workspace.yaml" "$root/opt/domiq/dagster_home/"
cp -R "$here"/*.service "$here"/*.target "$here"/*.service.d "$root/etc/systemd/system/"
if test -z "$root"; then
  getent passwd domiq >/dev/null \
    || useradd --system --user-group --no-create-home --home-dir /var/lib/domiq --shell /usr/sbin/nologin domiq
  systemctl daemon-reload
fi
