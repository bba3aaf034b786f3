#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node where its own install script cannot download libtensorflow: the library and its
# C headers come from the PyPI wheel of TensorFlow, the Node-API headers from npm, and one g++ call links the addon.
#
#   infra/models/build-tfjs-node.sh [FOLDER]        default .tessera/tfjs-node, about 900 MB
#   TESSERA_TFJS_NODE=FOLDER npx tessera run ...    uses it
#
# Needs Linux on x86-64, node, npm, g++ and python3 with pip. Runs again only what is missing.
set -euo pipefail

TFJS_VERSION=4.22.0
TENSORFLOW_VERSION=2.15.1 # tfjs-node 4.22 was written against the 2.9 C API, which 2.15 still exports
HEADERS_VERSION=1.9.0

folder=${1:-.tessera/tfjs-node}
fail() { echo "build-tfjs-node: $*" >&2; exit 1; }

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "the wheel is for Linux on x86-64; this is $(uname -sm)"
for tool in node npm g++ python3; do
  command -v "$tool" > /dev/null || fail "$tool is not on PATH"
done
python3 -m pip --version > /dev/null || fail 'python3 has no pip (Debian: apt-get install python3-pip)'

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
addon_root=$folder/node_modules/@tensorflow/tfjs-node
addon=$addon_root/lib/napi-v8/tfjs_binding.node

install_packages() {
  echo "== npm: @tensorflow/tfjs-node $TFJS_VERSION"
  [ -f "$folder/package.json" ] || echo '{ "name": "tessera-tfjs-node", "private": true }' > "$folder/package.json"
  # --ignore-scripts: the package's own install script is the download that this script replaces.
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --save-exact \
    "@tensorflow/tfjs-node@$TFJS_VERSION" "node-api-headers@$HEADERS_VERSION"
}

extract_libtensorflow() {
  echo "== PyPI: tensorflow-cpu $TENSORFLOW_VERSION"
  local wheels
  wheels=$(mktemp -d "$folder/wheel.XXXXXX")
  trap 'rm -rf "$wheels"' RETURN
  # Only files of the wheel are read, so it need not fit this machine's Python.
  python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
    --platform manylinux_2_17_x86_64 --dest "$wheels" "tensorflow-cpu==$TENSORFLOW_VERSION"
  python3 - "$wheels" "$addon_root/deps" <<'PYTHON'
import pathlib, shutil, sys, zipfile
wheels, deps = map(pathlib.Path, sys.argv[1:])
lib, headers = 'tensorflow/libtensorflow', 'tensorflow/include/'
with zipfile.ZipFile(next(wheels.glob('*.whl'))) as wheel:
    for name in wheel.namelist():
        if name.startswith(lib):
            target = deps / 'lib' / name.split('/')[-1]
        elif name.startswith((headers + 'tensorflow/', headers + 'tsl/')) and name.endswith('.h'):
            target = deps / 'include' / name[len(headers):]
        else:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with wheel.open(name) as source, open(target, 'wb') as sink:
            shutil.copyfileobj(source, sink)
PYTHON
}

compile_addon() {
  echo "== g++: $addon"
  local source=$addon_root/binding build
  build=$(mktemp -d "$folder/build.XXXXXX")
  trap 'rm -rf "$build"' RETURN
  cp "$source"/*.cc "$source"/*.h "$build"
  # Worker threads share the addon's statics; this set is the only one, and it is not locked.
  sed -i 's/^static std::set<std::string> ATTR_NAME_SET;/static thread_local std::set<std::string> ATTR_NAME_SET;/' \
    "$build/tfjs_backend.cc"
  grep -q 'thread_local std::set' "$build/tfjs_backend.cc" || fail 'tfjs_backend.cc is not the one this script knows'
  mkdir -p "$(dirname "$addon")"
  # shellcheck disable=SC2016 # $ORIGIN is for the dynamic linker
  g++ -O2 -std=c++17 -shared -fPIC -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=tfjs_binding -DBUILDING_NODE_EXTENSION \
    -I "$folder/node_modules/node-api-headers/include" -I "$addon_root/deps/include" \
    "$build/tfjs_backend.cc" "$build/tfjs_binding.cc" -L "$addon_root/deps/lib" \
    -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 '-Wl,-rpath,$ORIGIN/../../deps/lib' -o "$addon.part"
  mv "$addon.part" "$addon"
}

# util.isNullOrUndefined and util.isArray are gone from Node 23 on; these spell them out.
replace_removed_util_functions() {
  sed -i -e 's/(0, util_1\.isNullOrUndefined)(\([A-Za-z]*\))/(\1 == null)/' \
    -e 's/(0, util_1\.isArray)(/Array.isArray(/' "$addon_root/dist/nodejs_kernel_backend.js"
}

check_addon() {
  echo '== check'
  (cd "$folder" && TF_CPP_MIN_LOG_LEVEL=2 node -e "
    const tf = require('@tensorflow/tfjs-node');
    const y = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync();
    if (tf.getBackend() !== 'tensorflow' || y.join() !== '3,3,3,3') throw new Error(tf.getBackend() + ' ' + y);
    console.log('tfjs-node ' + tf.version['tfjs-node'] + ' on libtensorflow ' + tf.backend().binding.TF_Version);
  " 2> "$folder/check.log") || { cat "$folder/check.log" >&2; fail 'the built addon does not run'; }
  rm -f "$folder/check.log"
}

[ -f "$addon_root/package.json" ] && [ -d "$folder/node_modules/node-api-headers" ] || install_packages
[ -f "$addon_root/deps/lib/libtensorflow_cc.so.2" ] || extract_libtensorflow
[ -f "$addon" ] || compile_addon
replace_removed_util_functions
check_addon
echo "TESSERA_TFJS_NODE=$folder"
