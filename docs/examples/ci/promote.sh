#!/bin/sh
# Carries out promotion.json and deploys. It is refused if production was changed since it was planned.
# Writes app/drio.lock.json, to be committed.
set -eu
drio-tui apply promotion.json --profile production --yes --deploy
