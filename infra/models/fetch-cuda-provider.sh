#!/usr/bin/env bash
# Puts ONNX Runtime's CUDA provider beside onnxruntime-node, for `model.device: cuda`: the library of the same version, out of the
# PyPI wheel of onnxruntime-gpu. Only its files are read, so the wheel need not fit this machine's Python.
#
#   infra/models/fetch-cuda-provider.sh             250 MB, once
#
# Needs Linux on x86-64, node, python3 with pip and, to run, an NVIDIA driver with CUDA 13 and cuDNN 9 (on LD_LIBRARY_PATH).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
package=$root/node_modules/onnxruntime-node
fail() { echo "fetch-cuda-provider: $*" >&2; exit 1; }

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "the wheel is for Linux on x86-64; this is $(uname -sm)"
[ -f "$package/package.json" ] || fail 'onnxruntime-node is not installed (npm install)'
python3 -m pip --version > /dev/null || fail 'python3 has no pip (Debian: apt-get install python3-pip)'

version=$(node -p "require('$package/package.json').version")
target=$(dirname "$(find "$package/bin" -path '*linux/x64/libonnxruntime.so*' | head -1)")
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
echo "== PyPI: onnxruntime-gpu $version"
python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.12 \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --dest "$wheels" "onnxruntime-gpu==$version"
python3 - "$wheels" "$target" <<'PYTHON'
import pathlib, shutil, sys, zipfile
wheels, target = map(pathlib.Path, sys.argv[1:])
with zipfile.ZipFile(next(wheels.glob('*.whl'))) as wheel:
    for name in ('libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'):
        with wheel.open('onnxruntime/capi/' + name) as source, open(target / name, 'wb') as sink:
            shutil.copyfileobj(source, sink)
PYTHON
ls "$target"/libonnxruntime_providers_*.so
