#!/usr/bin/env bash
# How `begun` and `ended.ckpt` were made, with the code of release 0.1.0 (commit 295bc48) in the folder of the first argument:
# the command and its worker were killed when the first checkpoint was there; another run of the same config went to its end.
# Then `output.dir` was set to `runs` in both JSON files.
set -eu
tessera="node $1/infra/tessera.mjs"
here=$(cd "$(dirname "$0")" && pwd)
export TESSERA_HOME=$(mktemp -d)
cd "$TESSERA_HOME"
$tessera up --processes 0
$tessera run "$here/begun/begun.yaml" --out whole --processes 1
$tessera run "$here/begun/begun.yaml" --out cut --processes 1 &
until [ -e cut/begun/checkpoints/training.ckpt ]; do sleep 0.01; done
kill -9 $(pgrep -P $!) $!
$tessera down
cp -r cut/begun/{plan.json,run.json,checkpoints} "$here/begun/"
cp whole/begun/checkpoints/training.ckpt "$here/ended.ckpt"
