#!/usr/bin/env bash
# Makes the machine that tests/vm boots: a blank Debian trixie with systemd, its kernel, the gpio-sim module that Debian
# leaves out, and nothing of ours; and the stick that a technician brings along, with all that is not on a blank machine.
#
# usage, as root: build.sh FOLDER     some 3 GB and three minutes; tests/vm/image.py calls it and keeps what it makes:
#                                     FOLDER/disk.raw, stick.raw, vmlinuz, initrd, key (for ssh as root)
# Says one sentence when it fails; everything else is in FOLDER/build.log.
set -eEuo pipefail

FOLDER=$1
CHECKOUT=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../..
SUITE=trixie
LOG=$FOLDER/build.log
ROOT=$FOLDER/root   # what becomes the disk
BENCH=$FOLDER/bench # where the module is compiled
STICK=$FOLDER/stick # what the technician brings
# python3 as Raspberry Pi OS has it, without pip and venv. The broker stands in for the centre's machine, gpiod judges.
PACKAGES=(systemd-sysv dbus udev kmod iproute2 procps python3 gpiod mosquitto mosquitto-clients openssh-server
  linux-image-amd64 initramfs-tools)
SMALL=(--variant=minbase --mode=root --components=main --aptopt='Acquire::Languages "none"'
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*')

main() {
  # Of a run that was cut off, whose system may still have this machine's /proc and /dev in it.
  rm -rf --one-file-system "$FOLDER"
  mkdir -p "$FOLDER"
  exec 3>&2 >>"$LOG" 2>&1
  trap 'echo "the test machine could not be made: $DOING failed (the end of $LOG says why)" >&3' ERR
  PS4='+ ${SECONDS}s '
  set -x
  find_mirror
  make_module & # while the system is installed
  local beside=$!
  trap 'kill $(jobs -p) || true; wait' EXIT
  make_stick
  make_root
  configure
  doing "making gpio-sim"
  wait $beside
  trap - EXIT
  install_module
  make_disks
}

doing() { DOING=$1; }

# The mirror that this machine itself uses.
find_mirror() {
  doing "finding a Debian mirror in this machine's apt sources"
  local sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
  MIRROR=$(cat "${sources[@]}" 2>/dev/null | awk '
    /^deb /   { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }
    /^URIs:/  { print $2; exit }') || true
  [[ $MIRROR ]]
}

make_root() {
  doing "installing Debian $SUITE"
  local include
  include=$(IFS=, && echo "${PACKAGES[*]}")
  # An initrd with the disk's modules only: the usual one has every driver there is, which costs ten seconds a boot.
  mmdebstrap "${SMALL[@]}" --include="$include" --essential-hook="'$0' --initrd \"\$1\"" "$SUITE" "$ROOT" "$MIRROR"
  RELEASE=$(cd "$ROOT/lib/modules" && echo *)
}

# By this machine, which knows the way to the packages' index.
make_stick() {
  doing "preparing the stick"
  "$CHECKOUT/install.sh" --prepare "$STICK/wheels" --python 3.13 --arch x86_64
}

configure_initrd() {
  local hook=$1/etc/initramfs-tools/hooks/diemcau
  mkdir -p "${hook%/*}" "$1/etc/initramfs-tools/conf.d"
  printf 'MODULES=list\nCOMPRESS=lz4\nFSTYPE=ext4\n' >"$1/etc/initramfs-tools/conf.d/diemcau"
  # shellcheck disable=SC2016 # for the hook itself
  printf '%s\n' '#!/bin/sh' '[ "$1" != prereqs ] || exit 0' '. /usr/share/initramfs-tools/hook-functions' \
    'manual_add_modules virtio_pci virtio_blk ext4' >"$hook"
  chmod 755 "$hook"
}

# Debian's kernels leave CONFIG_GPIO_SIM unset, so gpio-sim is built beside them, from Debian's own source of that kernel.
make_module() {
  doing "installing a compiler and the kernel's source"
  mmdebstrap "${SMALL[@]}" --include="linux-headers-amd64,linux-source,gcc,make,xz-utils,kmod" "$SUITE" "$BENCH" "$MIRROR"
  doing "compiling gpio-sim"
  local module=$BENCH/root/module source headers
  source=$(echo "$BENCH"/usr/src/linux-source-*.tar.xz)
  headers=$(cd "$BENCH/usr/src" && echo linux-headers-*-amd64)
  mkdir "$module"
  tar -xJf "$source" -C "$module" --strip-components=3 --wildcards '*/drivers/gpio/gpio-sim.c' '*/kernel/irq/irq_sim.c'
  mv "$module/gpio-sim.c" "$module/chip.c"
  # The kernel exports no irq_to_desc to modules, but two steps that lead to the same.
  sed -i 's/irq_to_desc(\([a-z_>.-]*\))/irq_data_to_desc(irq_get_irq_data(\1))/' "$module"/*.c
  printf 'obj-m := gpio-sim.o\ngpio-sim-y := chip.o irq_sim.o\n' >"$module/Makefile"
  chroot "$BENCH" make -C "/usr/src/$headers" M=/root/module modules
}

install_module() {
  doing "installing gpio-sim for kernel $RELEASE"
  [[ -d $BENCH/usr/src/linux-headers-$RELEASE ]] # else the mirror has changed meanwhile
  install -D "$BENCH/root/module/gpio-sim.ko" "$ROOT/lib/modules/$RELEASE/extra/gpio-sim.ko"
  chroot "$ROOT" depmod "$RELEASE"
}

configure() {
  doing "configuring the system"
  ssh-keygen -q -t ed25519 -N '' -f "$FOLDER/key"
  install -D -m 600 "$FOLDER/key.pub" "$ROOT/root/.ssh/authorized_keys"
  echo diemcau-vm >"$ROOT/etc/hostname"
  echo '127.0.0.1 localhost diemcau-vm' >"$ROOT/etc/hosts"
  # Not checked at boot (the kernel replays the journal after a power cut): that would wait for udev, seven seconds.
  echo '/dev/vda / ext4 defaults,noatime 0 0' >"$ROOT/etc/fstab"
  # QEMU's own network: one host, and nothing behind it.
  printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\n' >"$ROOT/etc/systemd/network/10-e.network"
  # A restart every few seconds says much; none of it may be thrown away, nor survive a power cut.
  mkdir -p "$ROOT/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$ROOT/etc/systemd/journald.conf.d/90-test.conf"
  chroot "$ROOT" systemctl enable systemd-networkd ssh
  chroot "$ROOT" systemctl disable mosquitto systemd-networkd-wait-online
  # As after a first boot: what is done once and takes long is another test's matter.
  touch "$ROOT/etc/.updated" "$ROOT/var/.updated"
  chroot "$ROOT" systemctl mask ldconfig.service modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service
  chroot "$ROOT" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer getty@tty1.service serial-getty@ttyS0.service dev-hugepages.mount dev-mqueue.mount
  # Run at every boot and every daemon-reload, each for most of an emulated second, and none has anything to do here.
  local generator
  mkdir -p "$ROOT/etc/systemd/system-generators"
  for generator in debug gpt-auto hibernate-resume rc-local ssh sysv tpm2; do
    ln -s /dev/null "$ROOT/etc/systemd/system-generators/systemd-$generator-generator"
  done
}

make_disks() {
  doing "writing the disks"
  cp "$ROOT/boot/vmlinuz-$RELEASE" "$FOLDER/vmlinuz"
  cp "$ROOT/boot/initrd.img-$RELEASE" "$FOLDER/initrd"
  mke2fs -q -t ext4 -L root -d "$ROOT" "$FOLDER/disk.raw" 2500M
  mke2fs -q -t ext4 -L stick -d "$STICK" "$FOLDER/stick.raw" 400M
  rm -rf "$ROOT" "$BENCH" "$STICK"
}

if [[ $FOLDER == --initrd ]]; then configure_initrd "$2"; else main; fi
