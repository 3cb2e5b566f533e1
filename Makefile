# `make demo` and `make test` install everything they need; Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
export CUDA_VISIBLE_DEVICES ?= -1

.PHONY: demo test lint clean

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,jax,onnx]"
	@touch $@

# The main job on the embedded data: train, measure, draw, export, run what was exported.
demo: $(VENV)/.core
	rm -rf demo
	$(BIN)/zoo data shapes --out demo/data.png
	$(BIN)/zoo train unet --data shapes --out demo/run --image-size 128x128 --epochs 8 \
		--set model.filters=16 --set model.depth=4 --set learning_rate=0.004 \
		--set augmentation.rotate=0 --set augmentation.scale=[1,1] \
		--set augmentation.brightness=0 --set augmentation.contrast=0
	$(BIN)/zoo evaluate demo/run --split test
	$(BIN)/python -m training.data.shapes demo/images --count 6 --seed 1
	$(BIN)/zoo predict demo/run demo/images --out demo/predictions
	$(BIN)/zoo export demo/run --split test --out demo/export
	$(BIN)/python docs/examples/run_exported.py demo/export demo/images

test: lint
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo
