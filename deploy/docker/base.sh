#!/bin/sh
# Make a base image where no registry can be reached: Debian's packages, with its Python.
#   deploy/docker/base.sh [TAG]      needs root, debootstrap and podman
# It is larger than python:3.11-slim. MIRROR names another mirror of Debian.
set -eu
tag=${1:-localhost/otmv-base:bookworm}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
debootstrap --variant=minbase --include=ca-certificates,python3-venv bookworm "$folder" ${MIRROR:-}
ln -s python3 "$folder/usr/bin/python"
rm -rf "$folder"/var/cache/apt/*.bin "$folder"/var/cache/apt/archives/*.deb \
    "$folder"/var/lib/apt/lists/* "$folder"/usr/share/doc/* "$folder"/usr/share/man/* \
    "$folder"/usr/share/locale/*
tar --create --directory "$folder" . | podman import - "$tag"
