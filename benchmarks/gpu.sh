#!/bin/sh
# Everything that one GPU and nine minutes can show, without a network:
#
#     sh benchmarks/gpu.sh [FOLDER]          default: runs/gpu
#
# tests on the card (tests.txt), speeds (device.txt, device.json), then ptb-ten-minutes-gpu for the time that is left
# (train.txt) and its perplexity: static (evaluate.txt, evaluate.json), with a temperature, cache, dynamic evaluation and
# both, their settings chosen on valid (evaluate.txt, adapted.json).
# Penn Treebank is read from the folder that RNN_LM_PTB names; without it the last part is left out.
#
#     DEVICE=cpu TOY=1 sh benchmarks/gpu.sh      the same at toy size on the CPU, to see that it runs
#     SECONDS_IN_ALL=540                         how long it may take
#     ONLY=model SECONDS_IN_ALL=720              no tests and no speeds: ten minutes of training, and what they bought
#     FLAGS="--past-decode-penalty 1e-3"         more of rnn-lm train's flags
set -u
out=${1:-runs/gpu}
device=${DEVICE:-cuda}
limit=${SECONDS_IN_ALL:-540}
begun=$(date +%s)
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-.venv/bin/python}
[ -x "$python" ] || python=python3
PYTHONPATH="src:benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
mkdir -p "$out"
toy=""
[ -n "${TOY:-}" ] && toy="--toy --turns 1"

left() { echo $((limit - $(date +%s) + begun)); }

{ date; "$python" -c 'import torch; print("torch", torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU")'; } | tee "$out/machine.txt"

if [ "${ONLY:-}" != model ]; then
    if [ -z "${TOY:-}" ]; then
        # All of them (make test-gpu) take some five minutes: here those of what only a card can show.
        RNN_LM_TEST_DEVICE=$device timeout 90 "$python" -m pytest -q -p no:benchmark tests/gpu \
            -k "resumed or (waits and exact) or (recorded and exact and adamw) or (lstm and (gradients or probe)) or past" >"$out/tests.txt" 2>&1
    else
        RNN_LM_TEST_DEVICE=$device timeout 120 "$python" -m pytest -q -x tests/gpu -k "resumed or scores" >"$out/tests.txt" 2>&1
    fi
    echo "tests: exit code $?, $(tail -n 1 "$out/tests.txt"); $(left) s left"

    # shellcheck disable=SC2086 (several words)
    timeout 90 "$python" benchmarks/device.py --device "$device" --json "$out/device.json" $toy >"$out/device.txt" 2>&1
    code=$?
    cat "$out/device.txt"
    echo "speeds: exit code $code; $(left) s left"
fi

if [ -z "${RNN_LM_PTB:-}" ]; then
    echo "RNN_LM_PTB names no folder with Penn Treebank: nothing is trained"
    exit 0
fi
budget=$(($(left) - 100))
[ "$budget" -gt 600 ] && budget=600
size="--preset ptb-ten-minutes-gpu --budget ${budget}s"
[ -n "${TOY:-}" ] && size="--embedding random --embedding-size 8 --hidden-size 8 --budget 5steps --validations 1"
# shellcheck disable=SC2086
"$python" -m rnn_lm train --corpus ptb --data-dir "$RNN_LM_PTB" $size --device "$device" --precision bf16-mixed \
    ${FLAGS:-} --out "$out/model" --resume >"$out/train.txt" 2>&1
echo "training: exit code $?, $(tail -n 2 "$out/train.txt" | head -n 1); $(left) s left"
timeout "$(($(left) + 60))" "$python" -m rnn_lm evaluate "$out/model" --device "$device" --temperature auto \
    --adapt both --tune --tune-tokens 5000 --json "$out/evaluate.json" --adapt-results "$out/adapted.json" --overwrite >"$out/evaluate.txt" 2>&1
echo "evaluation: exit code $?; $(left) s left"
cat "$out/evaluate.txt"
