# bios.sh: GRUB for PC BIOS, told that its core begins at START_SECTOR -> mbr.img (boot code alone, no partition table), bios.img.
grub=$(echo /slipway/in/grub/*-linux-gnu/sys-root/usr/lib/grub/i386-pc)

put() { # put FILE OFFSET BYTES VALUE: a little-endian number
  local i escapes=
  for ((i = 0; i < $3; i++)); do escapes+=$(printf '\\x%02x' $(($4 >> 8 * i & 255))); done
  printf '%b' "$escapes" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

head -c 440 "$grub/boot.img" > /slipway/out/mbr.img
cat "$grub/core.img" > /slipway/out/bios.img
# Whole sectors, so that it can be told again on a disk.
truncate -s %512 /slipway/out/bios.img
put /slipway/out/mbr.img $((0x5c)) 8 "$START_SECTOR"
# Two no-ops in place of a jump: the check of the drive number helps firmware that hands over a floppy's.
put /slipway/out/mbr.img $((0x66)) 2 0x9090
# The core's first sector loads the others: the start of the last entry of its block list.
put /slipway/out/bios.img $((0x1f4)) 8 $((START_SECTOR + 1))
