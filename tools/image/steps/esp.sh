# esp.sh: a boot loader -> esp.img, a FAT with it where firmware looks on a disk it has never seen. It is GRUB alone, or a signed
# chain, with the certificate that firmware has to know for whoever enrols it by hand.
loader=(/slipway/in/grub/*-linux-gnu/sys-root/usr/lib/grub/efi/boot*.efi)
if [ -e /slipway/in/signed ]; then
  openssl x509 -in /slipway/in/signed/db.pem -outform DER -out db.cer
  loader=(/slipway/in/signed/*.efi db.cer)
fi
mkfs.vfat --invariant -S 512 -i "$VOLUME_ID" -C /slipway/out/esp.img $((SIZE_MIB * 1024))
mmd -i /slipway/out/esp.img ::EFI ::EFI/BOOT
mcopy -i /slipway/out/esp.img "${loader[@]}" ::EFI/BOOT/
