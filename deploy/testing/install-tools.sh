#!/usr/bin/env bash
# Installs the system packages that the tests in a browser, by MQTT, with Prometheus and on a Docker
# engine need (Debian, root), and into .tools axe-core, which looks for barriers in the page, the JSON
# schemas of AsyncAPI, and Supysonic, a music server, with what it needs in an environment of its own.
# Nothing of it is part of Moodcue.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(chromium chromium-driver ffmpeg mosquitto mosquitto-clients prometheus docker.io iptables debootstrap procps util-linux)
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
if ! docker compose version >/dev/null 2>&1; then
    # Debian 12 has version 1 of Compose only. Version 2 of Debian 13 needs nothing else from there.
    apt=$(mktemp -d)
    trap 'rm -rf "$apt"' EXIT
    chmod 755 "$apt" # apt reads it as a user of its own
    mkdir "$apt/lists"
    . deploy/testing/mirror.sh
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) trixie main" \
        >"$apt/sources.list"
    debian_13=(-q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
    apt-get "${debian_13[@]}" update
    DEBIAN_FRONTEND=noninteractive apt-get "${debian_13[@]}" install -y --no-install-recommends \
        docker-compose
fi
npm install --silent --no-save --ignore-scripts --prefix .tools axe-core@4.14.1 @asyncapi/specs@6.11.1
python3 -m venv .tools/supysonic
PIP_DISABLE_PIP_VERSION_CHECK=1 .tools/supysonic/bin/pip install -qq --no-deps -r deploy/testing/supysonic.txt
