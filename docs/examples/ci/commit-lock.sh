#!/bin/sh
# Commits what was applied, so that the next job knows it.
set -eu
git add app/drio.lock.json
if ! git diff --cached --quiet; then
  git -c user.name=drio-tui -c user.email=drio-tui@users.noreply.github.com commit --quiet -m "Record what was applied"
  git pull --quiet --rebase
  git push --quiet
fi
