#!/usr/bin/env bash
# Makes sure that the base image of deploy/Dockerfile is there. Where no container registry is
# reached, a stand-in of the same name is made from Debian's packages.
set -euo pipefail
docker=/usr/bin/docker
image=$(sed -n 's/^ARG BASE=//p' "$(dirname "$0")/../Dockerfile")
"$docker" image inspect "$image" >/dev/null 2>&1 && exit 0
timeout 60 "$docker" pull -q "$image" 2>/dev/null && exit 0

echo "base-image: no registry, making a stand-in for $image" >&2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
. "$(dirname "$0")/mirror.sh"
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
    bookworm "$root" "$(mirror)" >/dev/null
ln -sf python3 "$root/usr/bin/python"
ln -sf pip3 "$root/usr/bin/pip"
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
certificates=/etc/ssl/certs/ca-certificates.crt
tar -C "$root" -c . | "$docker" import \
    -c "ENV SSL_CERT_FILE=$certificates PIP_CERT=$certificates PIP_BREAK_SYSTEM_PACKAGES=1" \
    -c 'CMD ["python3"]' - "$image" >/dev/null
