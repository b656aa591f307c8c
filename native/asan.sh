#!/bin/sh
# Runs the tests of test/io with an addon built under AddressSanitizer and UndefinedBehaviorSanitizer (gcc). Needs root for
# the tests on real devices, and `npm ci` before. The project's own build is not touched: all happens in a copy.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

mkdir -p "$copy/native/build/Release" "$copy/test"
cp -r "$root/src" "$root/package.json" "$root/package-lock.json" "$root/tsconfig.json" "$root/vitest.config.ts" "$copy/"
cp -r "$root/test/io" "$root/test/netns" "$copy/test/"
ln -s "$root/node_modules" "$copy/node_modules"

gcc -shared -fPIC -std=c11 -O1 -g -Wall -Wextra -Werror -fno-omit-frame-pointer \
  -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -D_GNU_SOURCE -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=clatd_native \
  -I"$root/node_modules/node-api-headers/include" \
  -o "$copy/native/build/Release/clatd_native.node" "$root"/native/*.c

cd "$copy"
# Leaks are not looked for: V8 frees nothing at exit. A finding ends the test process and with it the run.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
  node node_modules/vitest/vitest.mjs run --project unit test/io "$@"
