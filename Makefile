# Each command sets up what it needs; `python tools/course.py` does the same without make.
PYTHON ?= python3
COMMANDS := serve test lab build pdf stick atlas bench notebooks audio frontend clean

.PHONY: help $(COMMANDS)
help:
	@$(PYTHON) tools/course.py || true

$(COMMANDS):
	@$(PYTHON) tools/course.py $@ $(ARGUMENTS)

# What stands behind "atlas" is for it: make atlas -- --verify chain
ifeq (atlas,$(firstword $(MAKECMDGOALS)))
ARGUMENTS := $(filter-out atlas,$(MAKECMDGOALS))
.PHONY: $(ARGUMENTS)
$(ARGUMENTS): ; @:
endif
