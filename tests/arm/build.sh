#!/usr/bin/env bash
# Makes a 64-bit Arm Debian trixie (Python 3.13, as on Raspberry Pi OS) in a folder, to be run under user-mode emulation:
# the wheels that a Raspberry Pi takes, and no kernel of its own. As small as a Debian can be: what the installer needs
# and this has not is a finding.
#
# usage, as root: build.sh FOLDER     300 MB and four minutes; tests/arm/machine.py calls it and keeps what it makes
# Says one sentence when it fails; everything else is in FOLDER.log.
set -eEuo pipefail

FOLDER=$1
SUITE=trixie
BINFMT=/proc/sys/fs/binfmt_misc
# ELF, 64 bits, little-endian, executable or shared, machine 183 (Arm); F: the emulator is opened now, outside any chroot.
ARM64=':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
ARM64+=':\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F'

main() {
  mkdir -p "${FOLDER%/*}"
  exec 3>&2 >>"$FOLDER.log" 2>&1
  trap 'echo "the Arm system could not be made: $DOING failed (the end of $FOLDER.log says why)" >&3' ERR
  set -x
  teach_kernel
  [[ -e $FOLDER/.done ]] || make_root
}

doing() { DOING=$1; }

# Lasts until the next start of this machine, so it is looked at each time.
teach_kernel() {
  doing "having the kernel start Arm programs under emulation"
  [[ -e $BINFMT/register ]] || mount -t binfmt_misc none "$BINFMT"
  [[ -e $BINFMT/qemu-aarch64 ]] || printf '%s' "$ARM64" >"$BINFMT/register"
}

make_root() {
  doing "finding a Debian mirror in this machine's apt sources"
  local sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources) mirror
  mirror=$(cat "${sources[@]}" 2>/dev/null | awk '
    /^deb /   { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }
    /^URIs:/  { print $2; exit }') || true
  [[ $mirror ]]
  doing "installing Debian $SUITE for arm64"
  rm -rf "$FOLDER"
  mmdebstrap --variant=minbase --arch=arm64 --mode=root --components=main --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --include=python3 "$SUITE" "$FOLDER" "$mirror"
  touch "$FOLDER/.done"
}

main
