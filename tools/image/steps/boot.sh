# boot.sh: the files of a boot partition, and over them those below signed/ -> boot.img.
bash -eu /slipway/step/boot-files.sh boot
if [ -e /slipway/in/signed ]; then cp -r /slipway/in/signed/. boot; fi
# Symbol addresses are for root's eyes.
chmod -R go-rwx boot
tar --sort=name --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
  --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf boot.tar -C boot .
python3 /slipway/step/label.py boot.tar /boot
bash -eu /slipway/step/shrunk-ext4.sh boot.tar /slipway/out/boot.img "$SIZE_MIB" "$UUID"
