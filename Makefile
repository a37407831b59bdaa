# Every target is a command of course.py, which works where there is no make. `make help` lists them.
PYTHON ?= python3
.PHONY: course lab book links grade up test slow browser browser-all check upstream install clean help
course lab book links grade up test slow browser browser-all check upstream install clean help:
	@$(PYTHON) course.py $@ $(ARGS)
.DEFAULT_GOAL := help
