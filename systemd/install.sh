#!/bin/sh
# Installs clatd from this source folder, built by `npm ci`, as a systemd service; or removes it again.
#
#   sudo systemd/install.sh               then: systemctl enable --now clatd
#   sudo systemd/install.sh --uninstall   leaves /etc/default/clatd, /etc/clatd and /var/lib/clatd
#   systemd/install.sh --help
#
# Into /usr/local/lib/clatd, /usr/local/bin/clatd and /etc/systemd/system/clatd.service. The options of the service stand
# in /etc/clatd/clatd.toml; that file and /etc/default/clatd are made where they are missing and never written over.
# DESTDIR=FOLDER puts all of it under another root (for packages), and leaves the running system alone.
set -eu
cd "$(dirname "$0")/.."

lib=${DESTDIR-}/usr/local/lib/clatd
bin=${DESTDIR-}/usr/local/bin/clatd
unit=${DESTDIR-}/etc/systemd/system/clatd.service
defaults=${DESTDIR-}/etc/default/clatd
config=${DESTDIR-}/etc/clatd/clatd.toml
addon=native/build/Release/clatd_native.node

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

need_root() {
  if [ -z "${DESTDIR-}" ] && [ "$(id -u)" -ne 0 ]; then
    fail "needs root: sudo systemd/install.sh${1:+ $1} (or DESTDIR=FOLDER for another root)"
  fi
}

# The lines above, from the second one to the first that is no comment.
help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' systemd/install.sh
}

# Where systemd runs and is meant.
systemd_runs() {
  [ -z "${DESTDIR-}" ] && [ -d /run/systemd/system ]
}

uninstall() {
  if systemd_runs && [ -e "$unit" ]; then systemctl disable --now clatd.service || true; fi
  rm -rf "$lib" "$unit"
  if [ -L "$bin" ]; then rm "$bin"; fi
  if systemd_runs; then systemctl daemon-reload; fi
  echo "clatd is removed; $defaults, ${DESTDIR-}/etc/clatd and ${DESTDIR-}/var/lib/clatd are left, if there."
}

# What an administrator may have written is never written over.
keep_or_copy() {
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then
    cp "$1" "$2"
    chmod 0644 "$2"
  fi
}

install_all() {
  for file in dist/main.js "$addon"; do
    [ -e "$file" ] || fail "$file is missing: run \`npm ci\` in $(pwd) first"
  done
  node=$(command -v node) || fail "node is not in PATH"
  case "$node" in
    /home/*|/root/*) echo "install.sh: note: $node is in a home folder; the service only sees it while that stays readable" >&2 ;;
  esac
  if [ -e "$bin" ] && [ ! -L "$bin" ]; then fail "$bin is there and not ours (another clatd?): remove it first"; fi

  rm -rf "$lib"
  mkdir -p "$lib/bin" "$lib/$(dirname "$addon")" "$(dirname "$bin")" "$(dirname "$unit")" "$(dirname "$defaults")" \
    "$(dirname "$config")"
  # dist/ has all libraries in it: node_modules is not needed.
  cp -R dist "$lib/"
  cp bin/clatd.js "$lib/bin/"
  cp "$addon" "$lib/$addon"
  cp package.json "$lib/"
  for file in LICENSE README.md CHANGELOG.md; do
    if [ -e "$file" ]; then cp "$file" "$lib/"; fi
  done
  chmod 0755 "$lib/bin/clatd.js"
  ln -sfn ../lib/clatd/bin/clatd.js "$bin"

  # The service has no PATH of a login shell: where node is not in a system folder, its place is written down.
  case "$node" in
    /usr/bin/node|/usr/local/bin/node|/bin/node) cp systemd/clatd.service "$unit" ;;
    *) sed "s|^ExecStart=/usr/local/bin/clatd|ExecStart=$node /usr/local/lib/clatd/bin/clatd.js|" systemd/clatd.service >"$unit" ;;
  esac
  chmod 0644 "$unit"
  keep_or_copy systemd/clatd.toml "$config"
  keep_or_copy systemd/clatd.default "$defaults"
  if systemd_runs; then
    systemctl daemon-reload
    systemctl try-restart clatd.service
  fi
  echo "clatd is installed. Start it: systemctl enable --now clatd (options, if any: $config)"
}

case "${1-}" in
  '')
    need_root
    install_all
    ;;
  --uninstall)
    need_root --uninstall
    uninstall
    ;;
  -h|--help) help ;;
  *) fail "unknown argument $1 (only --uninstall or --help)" ;;
esac
