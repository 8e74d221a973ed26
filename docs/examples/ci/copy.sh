#!/bin/sh
# Makes the app in production as it is in staging, without a document.
set -eu
drio-tui plan --from "$1@staging" --to "$2@production" --out copy.json
drio-tui apply copy.json --profile production --yes
