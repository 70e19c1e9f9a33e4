#!/usr/bin/env bash
# Makes a backup of a database, with a manifest of what it held. All of it is 'clearway backup create', which takes the same
# options; run from any folder, paths are relative to the clone.
#
#   scripts/backup-database.sh                      the database of DATABASE_URL, or the embedded one
#   scripts/backup-database.sh production           with the variables of .env.production
#   scripts/backup-database.sh production --encrypt age1… --wait 10m --json
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

if use_environment "${1:-}"; then
  shift
elif [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  echo "There is no .env.$1 in $root: write the variables of that environment there, such as DATABASE_URL." >&2
  exit 64
fi
run_clearway backup create "$@"
