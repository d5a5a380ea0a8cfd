#!/usr/bin/env bash
# Makes sure that the images are there that deploy/Dockerfile and the profile mqtt begin with. Where no
# container registry is reached, stand-ins of the same names are made from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
docker=/usr/bin/docker

there_or_pulled() {
    "$docker" image inspect "$1" >/dev/null 2>&1 || timeout 60 "$docker" pull -q "$1" 2>/dev/null
}

make_python() {
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    . deploy/testing/mirror.sh
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
        bookworm "$root" "$(mirror)" >/dev/null
    ln -sf python3 "$root/usr/bin/python"
    ln -sf pip3 "$root/usr/bin/pip"
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    certificates=/etc/ssl/certs/ca-certificates.crt
    tar -C "$root" -c . | "$docker" import \
        -c "ENV SSL_CERT_FILE=$certificates PIP_CERT=$certificates PIP_BREAK_SYSTEM_PACKAGES=1" \
        -c 'CMD ["python3"]' - "$python" >/dev/null
}

make_mosquitto() {
    DOCKER_BUILDKIT=1 "$docker" build -q --network host -t "$mosquitto" - >/dev/null <<DOCKERFILE
FROM $python
RUN apt-get update && apt-get install -y --no-install-recommends mosquitto mosquitto-clients \
    && printf 'listener 1883\nallow_anonymous true\n' > /mosquitto-no-auth.conf
DOCKERFILE
}

python=$(sed -n 's/^ARG BASE=//p' deploy/Dockerfile)
mosquitto=$(sed -n 's/^ *image: \(eclipse-mosquitto:.*\)/\1/p' docker-compose.yml)
for image in python mosquitto; do
    there_or_pulled "${!image}" && continue
    echo "images: no registry, making a stand-in for ${!image}" >&2
    "make_$image"
done
