# The recipes of the project. `just` comes with the development tools: `./run setup`, then `.venv/bin/just`, or
# `./run RECIPE` without `just` on the PATH.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")

# List the recipes.
default:
    @just --list --unsorted

# Install sdc and the development tools into .venv.
setup:
    ./run setup

# Run the whole chain with the bundled pocket models.
demo *OPTIONS:
    ./run demo {{ OPTIONS }}

# Run the fast tests.
test *OPTIONS:
    ./run test {{ OPTIONS }}

# Run the tests with markers: slow ones, and those whose tools are there.
test-marked *OPTIONS:
    ./run test -m "(slow or ray or slurm or browser) and not vllm and not container and not gpu and not campaign" {{ OPTIONS }}

# Run the tests of the vLLM engine, in an environment of their own.
test-vllm *OPTIONS:
    ./run test-vllm {{ OPTIONS }}

# Run the long forms of tests that CI runs in short: more runs, more kills, students that take longer.
campaigns *OPTIONS:
    ./run test -m "campaign and not vllm" {{ OPTIONS }}

# Run those of the vLLM engine: every call of the benchmark, a second server.
campaigns-vllm *OPTIONS:
    just test-vllm -m '"vllm and campaign"' {{ OPTIONS }}

# Build the images and run them: root, buildah, podman, and a base by containers/debian-base.sh.
test-containers *OPTIONS:
    python -m pytest -m container tests/containers {{ OPTIONS }}

# Check style, types, layers, layout and documents.
lint: check
    python -m pytest -q tests/test_layout.py tests/test_docs.py

# Check what no test does: style, types, layers, generated documents.
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports
    python docs/generate.py --check

# Correct what ruff can correct.
format:
    ruff check --fix .
    ruff format .

# Write the generated documents again.
docs:
    python docs/generate.py

# Measure start-up, cached commands and the two forms of the chain; `just bench gen` compares the engines instead.
bench WHAT="" *OPTIONS:
    #!/bin/sh
    set -eu
    if [ "{{ WHAT }}" = gen ]; then
        python=.venv-vllm/bin/python # vLLM is compared where it is installed: ./run setup-vllm
        [ -x "$python" ] || python=python
        exec "$python" benchmarks/engines.py {{ OPTIONS }}
    fi
    python benchmarks/startup.py {{ WHAT }} {{ OPTIONS }}
    python benchmarks/chain.py {{ WHAT }} {{ OPTIONS }}

# Kill commands at random moments and compare with undisturbed ones; `just kills --signal INT` stops them with Ctrl-C.
kills *OPTIONS:
    python benchmarks/kills.py {{ OPTIONS }}

# Give files that are nearly right to every command that reads one.
fuzz *OPTIONS:
    python benchmarks/fuzz.py {{ OPTIONS }}

# Let gen, judge and icl ask servers that misbehave in every kind that the tests know.
faults *OPTIONS:
    python benchmarks/faults.py {{ OPTIONS }}

# Measure packed LoRA and fine-tuning on a GPU, on models of real size with random weights; `--cpu` tries tiny ones.
gpu-bench *OPTIONS:
    #!/bin/sh
    set -eu
    case " {{ OPTIONS }} " in
    *" --cpu "*)
        python benchmarks/packed_lora.py --shape tiny --runs 8 --steps 10 --pack 4
        python benchmarks/gpu_finetune.py --shape tiny
        ;;
    *)
        if ! python -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then
            echo "gpu-bench: this machine has no GPU that torch sees; just gpu-bench --cpu tries the code with tiny models"
            exit 0
        fi
        python benchmarks/packed_lora.py --shape llama-8b {{ OPTIONS }}
        python benchmarks/gpu_finetune.py --shape xlm-r-large
        ;;
    esac

# Build dist/sdc_classifiers-*.whl.
wheel:
    rm -rf build dist
    python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
    ls -l dist

# Build an image with docker, podman or buildah: `just image cpu`, `just image gpu`.
image *OPTIONS:
    python containers/image.py {{ OPTIONS }}

# Make what a release has, in dist/; `--dry-run` says what that is.
release *OPTIONS:
    python containers/release.py {{ OPTIONS }}

# Train the pocket models again: DATA is a folder in the layout of the paper's data.
pocket DATA *OPTIONS:
    python -m sdc.pipelines.pocket.training.build {{ DATA }} {{ OPTIONS }}
