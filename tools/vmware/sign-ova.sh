# sign-ova.sh: an OVA and its .cert -> the OVA with it behind the manifest (DSP0243 1.1, section 5.1).
mkdir ova
tar -xf /slipway/in/ova -C ova
certificate=$(cd ova; echo *.mf)
certificate=${certificate%.mf}.cert
cp /slipway/in/cert "ova/$certificate"
tar -tf /slipway/in/ova | sed "/[.]mf\$/a $certificate" > order
tar --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=0644 \
  -cf /slipway/out/image.ova -C ova -T order
