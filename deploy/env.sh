#!/bin/sh
# Write .env for `docker compose up`: fresh passwords, and which parts run on this machine.
# In an .env that is there nothing is changed; what it lacks is added.
set -eu
cd "$(dirname "$0")/.."

password() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# add NAME VALUE: unless .env gives NAME a value already
add() {
  if ! grep -Eq "^$1=." .env; then
    [ -z "$(tail -c 1 .env)" ] || echo >> .env # its last line has no end
    echo "$1=$2" >> .env
    echo "added to .env: $1"
  fi
}

if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1; then
  files=compose.yaml profiles=gpu,monitoring model=meta-llama/Llama-3.1-8B-Instruct
  echo "An NVIDIA GPU is here: training and serving run on it."
else
  files=compose.yaml:compose.cpu.yaml profiles=monitoring model=SmolLM2-135M-Instruct
  echo "No NVIDIA GPU is here: a small model is trained and served on the CPU."
fi

umask 077
[ -e .env ] || grep -Ev '^(REDIS|GRAFANA)_PASSWORD=' .env.example > .env
add COMPOSE_FILE "$files"
add COMPOSE_PROFILES "$profiles"
add REDIS_PASSWORD "$(password)"
add GRAFANA_PASSWORD "$(password)"
add SCRIPTORIUM_DEFAULT_MODEL "$model"
echo "Grafana's user is admin, its password is in .env."
