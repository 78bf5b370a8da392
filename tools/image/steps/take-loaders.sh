# take-loaders.sh: the programs of esp.img -> boot.efi, grub.efi, empty where there are none.
for program in boot grub; do
  mcopy -n -i /slipway/in/esp.img "::EFI/BOOT/$program$EFI_ARCH.efi" "/slipway/out/$program.efi" 2> /dev/null \
    || : > "/slipway/out/$program.efi"
done
