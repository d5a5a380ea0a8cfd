#!/usr/bin/env bash
# Installs the system packages that the tests in a browser, by MQTT and on a Docker engine need (Debian,
# root), and into .tools axe-core, which looks for barriers in the page, and the JSON schemas of AsyncAPI.
# Nothing of it is part of Moodcue.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(chromium chromium-driver ffmpeg mosquitto mosquitto-clients docker.io docker-compose iptables debootstrap procps util-linux)
command -v npm >/dev/null || packages+=(npm)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${missing[@]}"
fi
npm install --silent --no-save --ignore-scripts --prefix .tools axe-core@4.14.1 @asyncapi/specs@6.11.1
