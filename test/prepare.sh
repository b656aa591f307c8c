# Sourced by test/run and demo: what a fresh Debian machine with Node needs before anything can run.
# Expects the working directory to be the project's.

say() { printf '%s\n' "$*" >&2; }

# Fails with one sentence unless Node and npm are there and new enough (package.json, engines).
check_node() {
  if ! command -v node >/dev/null; then
    say "clatd needs Node.js 20.19 or later: on Debian 13 \`apt install nodejs npm\`, elsewhere see https://nodejs.org/"
    [ -z "${SUDO_USER:-}" ] || say "(if it is there for $SUDO_USER but not under sudo: sudo env \"PATH=\$PATH\" $0)"
    return 1
  fi
  if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number);
                process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a >= 24 ? 0 : 1)'; then
    say "clatd needs Node.js 20.19, 22.12 or 24 or later; this is $(node --version)"
    return 1
  fi
  if ! command -v npm >/dev/null; then
    say "npm is missing: on Debian \`apt install npm\`"
    return 1
  fi
}

# install_missing PROGRAM=PACKAGE...: installs the packages of the programs that are not there. Never fails: what is still
# missing afterwards is named, and the tests that need it are skipped with that reason.
install_missing() {
  local pair packages=() programs=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null && continue
    programs+=("${pair%%=*}")
    packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    say "Missing: ${programs[*]}. As root: apt-get install ${packages[*]}"
    return 0
  fi
  if ! command -v apt-get >/dev/null; then
    say "Missing: ${programs[*]}, and there is no apt-get here to install ${packages[*]} with."
    return 0
  fi
  say "Installing ${packages[*]} ..."
  # The packages are wanted for their programs: no service of theirs shall start on this machine.
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=yes
  fi
  # A mirror that is slow or away must not hold things up for ever.
  local options=(-qq -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Dpkg::Use-Pty=0)
  apt-get "${options[@]}" update >/dev/null </dev/null ||
    say "apt-get update failed; trying with the package lists there are"
  DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install -y --no-install-recommends "${packages[@]}" \
    >/dev/null </dev/null || say "apt-get could not install ${packages[*]}; what needs them is skipped"
  [ "$made" = yes ] && rm -f "$policy"
  return 0
}

# The compiler for the native addon.
install_compiler() {
  install_missing g++=g++ gcc=gcc make=make python3=python3
}

# Runs a command as the owner of the checkout, so that `sudo` leaves no file of root in it.
as_owner() {
  local owner home
  owner=$(stat -c %U .)
  if [ "$(id -u)" -ne 0 ] || [ "$owner" = root ] || ! home=$(getent passwd "$owner" | cut -d: -f6) || [ -z "$home" ]; then
    "$@"
  else
    runuser -u "$owner" -- env HOME="$home" "$@"
  fi
}

# Dependencies as locked, the addon, and dist/; nothing is done twice.
build_clatd() {
  if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    say "Installing the locked dependencies and building the addon (npm ci) ..."
    as_owner npm ci --no-audit --no-fund --loglevel=error >&2 </dev/null || return 1
  elif [ -n "$(find native -name '*.[ch]' -newer node_modules/.package-lock.json -print -quit)" ]; then
    as_owner node native/build.js >&2 </dev/null || return 1
  fi
  as_owner npm run --silent build >&2 </dev/null
}
