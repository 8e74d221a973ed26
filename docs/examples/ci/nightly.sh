#!/bin/sh
# Writes to drift.md what someone changed in production. Exits with 3 if something was.
set -eu
drio-tui drift app --exact --profile production --markdown > drift.md
