# Each command sets up what it needs; `python tools/course.py` does the same without make.
PYTHON ?= python3
COMMANDS := serve test check lab build pdf stick exercises atlas bench notebooks audio films frontend clean

.PHONY: help $(COMMANDS)
help:
	@$(PYTHON) tools/course.py

$(COMMANDS):
	@$(PYTHON) tools/course.py $@ $(ARGUMENTS)

# It knows no such command, and says which one is nearest.
.DEFAULT:
	@$(PYTHON) tools/course.py $@

# What stands behind "atlas" is for it: make atlas -- --verify chain
ifeq (atlas,$(firstword $(MAKECMDGOALS)))
ARGUMENTS := $(filter-out atlas,$(MAKECMDGOALS))
.PHONY: $(ARGUMENTS)
$(ARGUMENTS): ; @:
endif
