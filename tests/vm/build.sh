#!/usr/bin/env bash
# Makes the machine that tests/vm boots: Debian trixie with systemd, its kernel, the gpio-sim module that Debian leaves
# out, and a Python 3.13 in which diemcau's dependencies are installed. diemcau itself is copied in at each run.
#
# usage, as root: build.sh FOLDER REQUIREMENT…     some 3 GB and four minutes; tests/vm/image.py calls it and keeps what
#                                                  it makes: FOLDER/disk.raw, vmlinuz, initrd, key (for ssh as root)
# Says one sentence when it fails; everything else is in FOLDER/build.log.
set -eEuo pipefail

FOLDER=$1
shift
SUITE=trixie
PYTHON=${PYTHON:-python3}
LOG=$FOLDER/build.log
ROOT=$FOLDER/root   # what becomes the disk
BENCH=$FOLDER/bench # where the module is compiled
SITE=$ROOT/opt/diemcau/python/lib/python3.13/site-packages
PACKAGES=(systemd-sysv dbus udev kmod iproute2 procps python3 python3-venv gpiod mosquitto mosquitto-clients openssh-server
  linux-image-amd64 initramfs-tools)
SMALL=(--variant=minbase --mode=root --components=main --aptopt='Acquire::Languages "none"'
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*')

main() {
  mkdir -p "$FOLDER"
  exec 3>&2 >>"$LOG" 2>&1
  trap 'echo "the test machine could not be made: $DOING failed (the end of $LOG says why)" >&3' ERR
  set -x
  find_mirror
  make_root "$@"
  make_module
  configure
  make_disk
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
  doing "installing the Python packages"
  chroot "$ROOT" python3 -m venv --without-pip /opt/diemcau/python
  # By this machine's pip, which knows the way to its index; for the other one's Python, so wheels only.
  "$PYTHON" -m pip install --target "$SITE" --only-binary=:all: --implementation cp --python-version 3.13 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 "$@"
  chroot "$ROOT" /opt/diemcau/python/bin/python -m compileall -q "${SITE#"$ROOT"}"
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
  doing "installing a compiler and the source of kernel $RELEASE"
  mmdebstrap "${SMALL[@]}" --include="linux-headers-$RELEASE,linux-source,gcc,make,xz-utils,kmod" "$SUITE" "$BENCH" "$MIRROR"
  doing "compiling gpio-sim for kernel $RELEASE"
  local module=$BENCH/root/module source
  source=$(echo "$BENCH"/usr/src/linux-source-*.tar.xz)
  mkdir "$module"
  tar -xJf "$source" -C "$module" --strip-components=3 --wildcards '*/drivers/gpio/gpio-sim.c' '*/kernel/irq/irq_sim.c'
  mv "$module/gpio-sim.c" "$module/chip.c"
  # The kernel exports no irq_to_desc to modules, but two steps that lead to the same.
  sed -i 's/irq_to_desc(\([a-z_>.-]*\))/irq_data_to_desc(irq_get_irq_data(\1))/' "$module"/*.c
  printf 'obj-m := gpio-sim.o\ngpio-sim-y := chip.o irq_sim.o\n' >"$module/Makefile"
  chroot "$BENCH" make -C "/usr/src/linux-headers-$RELEASE" M=/root/module modules
  install -D "$module/gpio-sim.ko" "$ROOT/lib/modules/$RELEASE/extra/gpio-sim.ko"
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
  echo 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"' >"$ROOT/etc/udev/rules.d/60-gpio.rules"
  # A restart every few seconds says much; none of it may be thrown away, nor survive a power cut.
  mkdir -p "$ROOT/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$ROOT/etc/systemd/journald.conf.d/diemcau.conf"
  chroot "$ROOT" groupadd -rf gpio
  chroot "$ROOT" useradd -r -U -G gpio,video,audio -d /var/lib/diemcau -s /usr/sbin/nologin diemcau
  chroot "$ROOT" systemctl enable systemd-networkd ssh
  chroot "$ROOT" systemctl disable mosquitto systemd-networkd-wait-online
  chroot "$ROOT" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer getty@tty1.service serial-getty@ttyS0.service dev-hugepages.mount dev-mqueue.mount
}

make_disk() {
  doing "writing the disk"
  cp "$ROOT/boot/vmlinuz-$RELEASE" "$FOLDER/vmlinuz"
  cp "$ROOT/boot/initrd.img-$RELEASE" "$FOLDER/initrd"
  mke2fs -q -t ext4 -L root -d "$ROOT" "$FOLDER/disk.raw" 2500M
  rm -rf "$ROOT" "$BENCH"
}

if [[ $FOLDER == --initrd ]]; then configure_initrd "$1"; else main "$@"; fi
