#!/usr/bin/env bash
# Checks a PostgreSQL database (connection, version, rights, extensions), migrates it and verifies it. All of it is
# 'clearway database setup'; this script finds Node and the command, from any folder.
#
#   scripts/setup-postgresql.sh                     the database of DATABASE_URL
#   scripts/setup-postgresql.sh --check             only looks, and changes nothing
#   scripts/setup-postgresql.sh --to env:SHOP_URL --migrations ./prisma/migrations
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"

# the folder of the scripts may be a link into the clone
clone=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ ! -d "$clone/backend/database/src/generated" ]; then
  echo "Nothing is built yet: run 'npm ci && npm run build' in $root first." >&2
  exit 69
fi
run_clearway database setup "$@"
