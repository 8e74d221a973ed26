#!/bin/sh
# Plans to make production as app/ says: promotion.md is for people, promotion.json for promote.sh.
# Exits with 1 if app/ is in conflict with what someone changed in production.
set -eu
drio-tui plan app --profile production --out promotion.json --markdown > promotion.md
