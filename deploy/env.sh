#!/bin/sh
# Write .env for `docker compose up`: fresh passwords, and which parts run on this machine. An .env that is there is kept.
set -eu
cd "$(dirname "$0")/.."

if [ -e .env ]; then
  echo ".env is there and stays as it is."
  exit 0
fi

password() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1; then
  files=compose.yaml profiles=gpu,monitoring model=meta-llama/Llama-3.1-8B-Instruct
  echo "An NVIDIA GPU is here: training and serving run on it."
else
  files=compose.yaml:compose.cpu.yaml profiles=monitoring model=SmolLM2-135M-Instruct
  echo "No NVIDIA GPU is here: a small model is trained and served on the CPU."
fi

umask 077
sed -e "s|^# COMPOSE_FILE=.*|COMPOSE_FILE=$files|" \
    -e "s|^# COMPOSE_PROFILES=.*|COMPOSE_PROFILES=$profiles|" \
    -e "s|^REDIS_PASSWORD=$|REDIS_PASSWORD=$(password)|" \
    -e "s|^GRAFANA_PASSWORD=$|GRAFANA_PASSWORD=$(password)|" \
    -e "s|^# SCRIPTORIUM_DEFAULT_MODEL=.*|SCRIPTORIUM_DEFAULT_MODEL=$model|" \
    .env.example > .env.tmp
mv .env.tmp .env
echo ".env is written. Grafana's password is in it (user admin)."
