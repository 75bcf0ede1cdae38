#!/usr/bin/env bash
# Sets a box up from the folder diemcau/ on its boot partition, with what lies in it, and tells the result there:
#
#   first-boot.sh --enable   at every boot, until it has worked once (a power cut during the first one is no harm)
#   first-boot.sh            now
#
# README.md beside this. DIEMCAU_ROOT is for images and tests.
set -euo pipefail

FOLDER=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
RESULT=$(dirname -- "$FOLDER")/diemcau-result.txt
SERVICE=diemcau-first-boot.service
UNIT=${DIEMCAU_ROOT:-}/etc/systemd/system/$SERVICE
CLOCK_WITHIN_S=120

main() {
  case ${1-} in
    --enable) enable ;;
    '') set_up ;;
    *) echo "first-boot.sh: $1? --enable, or nothing" >&2 && exit 2 ;;
  esac
}

# Whole before it is enabled: cloud-init runs this once, and systemd takes an empty unit for a masked one.
enable() {
  cat >"$UNIT.new" <<TEXT
# Written by first-boot.sh of diemcau, which takes it away again when it has worked.
[Unit]
Description=diemcau: sets this box up, until that has worked once
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=/bin/bash "$FOLDER/firmware-config/cloud-init/first-boot.sh"

[Install]
WantedBy=multi-user.target
TEXT
  sync "$UNIT.new"
  mv -f "$UNIT.new" "$UNIT"
  systemctl daemon-reload
  systemctl enable "$SERVICE"
  sync
}

set_up() {
  local words=() code=0 root=${DIEMCAU_ROOT:-}
  LOG=$(mktemp)
  trap 'rm -f "$LOG"' EXIT
  if [[ ! -f $FOLDER/identity/agent.toml && -f $root/etc/diemcau/agent.toml && -e $root/opt/diemcau/current ]]; then
    finish # the power went after the work was done
    return
  fi
  tell "ĐANG CÀI / AT WORK" "Chờ vài phút, đừng rút điện / wait a few minutes, leave the power on."
  if [[ ! -f $FOLDER/identity/agent.toml ]]; then
    tell "LỖI / FAILED" "Chưa có thư mục diemcau/identity với agent.toml: chép thư mục của điểm cầu này từ trung tâm vào đó," \
      "rồi bật lại hộp / diemcau/identity has no agent.toml: copy this site's folder from the centre there, then start the box again."
    exit 1
  fi
  words=(--identity "$FOLDER/identity")
  [[ ! -f $FOLDER/room.toml ]] || words+=(--room "$FOLDER/room.toml")
  if [[ -d $FOLDER/wheels ]]; then words+=(--wheels "$FOLDER/wheels"); else wait_for_clock; fi
  bash "$FOLDER/install.sh" "${words[@]}" 2>&1 </dev/null | tee "$LOG" || code=$?
  if ((code)); then
    tell "LỖI / FAILED ($code)" "Hộp trở lại như trước khi cài, lần bật sau sẽ thử lại; gửi tệp này cho trung tâm /" \
      "the box is as it was before, and tries again at its next start; send this file to the centre."
    exit 1
  fi
  finish
  # What the firmware reads, the pins' levels and the watchdog, counts from the next boot, and nothing runs here yet.
  systemctl --no-block reboot || true
}

finish() {
  # Whoever borrows the card must not find it there: on this partition every computer reads it, and no rights protect it.
  rm -rf "$FOLDER/identity"
  tell "XONG / DONE" "Khoá của hộp đã xoá khỏi phân vùng này; hộp tự khởi động lại một lần /" \
    "the box's key is gone from this partition; the box restarts once by itself."
  systemctl disable "$SERVICE" || true
  rm -f "$UNIT"
}

# A wrong clock refuses every certificate on the way to the packages. Most boxes have none until the network has told them.
wait_for_clock() {
  local until=$((SECONDS + CLOCK_WITHIN_S))
  while ((SECONDS < until)) && [[ $(timedatectl show --property=NTPSynchronized --value) == no ]]; do
    sleep 2
  done
}

# Whole or not at all: a laptop reads it, perhaps after the plug was pulled.
tell() {
  {
    echo "diemcau: $1"
    echo "${*:2}"
    echo
    echo "$(date '+%Y-%m-%d %H:%M:%S %z') · $(hostname) · $(hostname -I 2>/dev/null || true)"
    echo
    tail -n 200 "$LOG"
  } >"$RESULT.new"
  sync "$RESULT.new"
  mv -f "$RESULT.new" "$RESULT"
  sync "$(dirname -- "$RESULT")"
}

main "$@"
