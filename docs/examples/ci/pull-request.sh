#!/bin/sh
# Checks the document in app/ without a server, and writes the plan for staging to plan.md.
# Exits with 1 if the document has errors, or if it is in conflict with what someone changed in drio.
set -eu
drio-tui validate app
drio-tui plan app --profile staging --markdown > plan.md
