#!/bin/sh
# Makes staging as app/ says, and deploys it if the preflight finds no errors.
# Writes app/drio.lock.json, to be committed: by it the next plan knows what someone changed in drio meanwhile.
set -eu
drio-tui apply app --profile staging --yes --deploy
