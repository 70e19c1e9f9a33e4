#!/usr/bin/env bash
# Checks a PostgreSQL database (connection, version, rights, extensions), migrates it and verifies it. All of it is
# 'clearway database setup'; this script finds Node and the command, from any folder.
#
#   scripts/setup-postgresql.sh                     the database of DATABASE_URL
#   scripts/setup-postgresql.sh --check             only looks, and changes nothing
#   scripts/setup-postgresql.sh --to env:SHOP_URL --migrations ./prisma/migrations
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

if ! command -v node > /dev/null; then
  echo 'Node is missing: install any version from 18; the pinned one comes as a package.' >&2
  exit 69
fi
if [ ! -d "$root/node_modules/pg" ] || [ ! -d "$root/backend/database/src/generated" ]; then
  echo "Nothing is installed yet: run 'npm ci && npm run build' in $root first." >&2
  exit 69
fi
PATH="$root/node_modules/.bin:$PATH"
exec node "$root/backend/cli/bin/clearway.js" database setup "$@"
