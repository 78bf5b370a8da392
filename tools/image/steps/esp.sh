# esp.sh: GRUB for UEFI -> esp.img, a FAT with the loader where firmware looks on a disk it has never seen.
mkfs.vfat --invariant -S 512 -i "$VOLUME_ID" -C /slipway/out/esp.img $((SIZE_MIB * 1024))
mmd -i /slipway/out/esp.img ::EFI ::EFI/BOOT
mcopy -i /slipway/out/esp.img /slipway/in/grub/*-linux-gnu/sys-root/usr/lib/grub/efi/boot*.efi ::EFI/BOOT/
