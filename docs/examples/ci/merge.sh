#!/bin/sh
# Makes staging as app/ says, and deploys it if the tests of its tools pass and the preflight finds no errors.
# Writes results.xml, the results of the tests as JUnit.
# Writes app/drio.lock.json, to be committed: by it the next plan knows what someone changed in drio meanwhile.
set -eu
drio-tui apply app --profile staging --yes
drio-tui test app --profile staging --junit results.xml
drio-tui apply app --profile staging --yes --deploy
