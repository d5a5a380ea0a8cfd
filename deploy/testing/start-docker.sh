#!/usr/bin/env bash
# Starts a Docker engine if none answers, and waits until one does. Its log: /var/log/dockerd.log.
set -euo pipefail
docker=/usr/bin/docker
if ! "$docker" version >/dev/null 2>&1; then
    setsid nohup dockerd >/var/log/dockerd.log 2>&1 </dev/null &
fi
for _ in $(seq 120); do
    "$docker" version >/dev/null 2>&1 && exit 0
    sleep 0.5
done
echo "start-docker: the engine does not answer; the end of its log:" >&2
tail -n 20 /var/log/dockerd.log >&2
exit 1
