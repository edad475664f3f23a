#!/usr/bin/env bash
# What fifteen minutes on one GPU are for, in order. Each part has a bound, and its figures are written at once.
#
#     bash benchmarks/gpu_session.sh VIDEO OUT
#
# VIDEO is what the last part learns by the preset `paper`, as far as it gets; OUT is a folder for the figures. MINUTES (14) is the
# whole time; the same command goes on with the training. PERCEPTUAL names the weights of the perceptual loss; without it there is
# none. PYTHON names another interpreter than python. DRY_RUN=1 runs the same commands on a CPU, each as small as it can be.
set -uo pipefail
video=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
python=${PYTHON:-python}
[[ $python != */* ]] || python=$(realpath --no-symlinks "$python")
cd "$(dirname "$0")/.."
end=$((SECONDS + ${MINUTES:-14} * 60))

device=cuda speed="--minutes 3.5 --presets paper studio --sizes 128 256 512" train="--training.speed fast"
if [ -n "${DRY_RUN:-}" ]; then
    device=cpu speed="--minutes 0.01 --presets quick --sizes 32 --seconds 0.01"
    train="--size 32 --training.steps 1 --generator.channels-base 64 --generator.channels-max 16 --critics.channels-base 64"
    train="$train --critics.channels-max 16 --training.window 4"
fi
perceptual=${PERCEPTUAL:+--losses.perceptual-network $PERCEPTUAL}

part() { # NAME SECONDS COMMAND...: its output goes to OUT/NAME.txt
    local name=$1 most=$2 left=$((end - SECONDS)) begun=$SECONDS code
    shift 2
    most=$((most < left ? most : left))
    if [ "$most" -le 0 ]; then
        echo "$name: the time was up"
        return
    fi
    timeout --signal TERM --kill-after 25 "$most" "$@" >"$out/$name.txt" 2>&1
    code=$?
    echo "$name: exit code $code after $((SECONDS - begun)) s"
    [ $code = 0 ] || { [ $code = 124 ] && [ "$name" = train ]; } || failed=1  # a training saves, and goes on
}

failed=0
part tests 90 "$python" -m pytest -q -n 0 tests/test_cuda.py
# shellcheck disable=SC2086
part graphs 120 "$python" -m benchmarks.gpu graphs --device $device ${DRY_RUN:+--small} --out "$out/graphs.json"
# shellcheck disable=SC2086
part speed 240 "$python" -m benchmarks.speed --device $device --no-growth $speed --out "$out/speed.json"
# shellcheck disable=SC2086
part live 60 "$python" -m benchmarks.gpu live --device $device ${DRY_RUN:+--small} --out "$out/live.json"
# shellcheck disable=SC2086
part train 3600 "$python" -m listen_and_move train "$video" --preset paper --device $device --run "$out/run" $train \
    ${perceptual:---losses.perceptual 0}
exit $failed
