# To be sourced: where this machine gets Debian's packages from.
# shellcheck shell=bash
mirror() {
    sed -nE 's/^(URIs: |deb (\[[^]]*\] )?)(https?:[^ ]+).*/\3/p' \
        $(find /etc/apt -name '*.sources' -o -name '*.list') | sed -n '/debian-security/d; /debian/{p;q}'
}
