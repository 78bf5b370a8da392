# take-boot-files.sh: the files of a boot partition that are signed -> vmlinuz, grub.cfg.
bash -eu /slipway/step/boot-files.sh boot
cp boot/vmlinuz /slipway/out/vmlinuz
cp boot/grub/grub.cfg /slipway/out/grub.cfg
