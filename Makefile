# SPDX-License-Identifier: GPL-2.0
# Harp: everything a person types. Results go to out/ and to the cache, never
# beside the sources.

OUT	:= out
STAGE	:= $(OUT)/stage
KDIR	?= /lib/modules/$(shell uname -r)/build
JOBS	?= $(shell nproc)
RINGS	:= style unit fuzz model kunit vm cluster
VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DKMS_SRC = $(DESTDIR)/usr/src/harp-$(VERSION)

.PHONY: help all kmod daemon stage install dkms-install check $(RINGS:%=check-%) style bench torture simulate nemesis demo demo-killer-packet clean deps

help:
	@echo 'make demo           three servers, a client, a panic in the middle of a copy'
	@echo 'make demo-killer-packet   the same, and both file servers panic at once'
	@echo 'make check          all rings; make $(RINGS:%=check-%): one'
	@echo 'make bench          the same work on knfsd sync, knfsd async and harp: a table, out/bench.json'
	@echo 'make simulate SEEDS=FROM-TO   the view change under schedules of faults, each given by its seed'
	@echo 'make torture        redo after crashes at any moment, until it is stopped (SEED=… SECONDS=…)'
	@echo 'make nemesis        two things go wrong at random, again and again (RUNS=… SEED=…)'
	@echo 'make all            daemon and module (KDIR=… for another kernel)'
	@echo 'make install        harpd, harpctl, units, policy, manual pages (DESTDIR=…)'
	@echo 'make dkms-install   the module, by DKMS, for the running kernel'
	@echo 'make clean          removes $(OUT)/; the cache stays'

all: daemon kmod

deps:
	@scripts/deps build

kmod:
	$(MAKE) -C kmod KDIR=$(KDIR)

daemon: deps
	@$(MAKE) -C daemon -j$(JOBS) all

install: daemon
	$(MAKE) -C daemon install DESTDIR=$(DESTDIR)

# What the lab's machines get: an installation below out/stage, and test tools.
stage: daemon
	@rm -rf $(STAGE)
	@$(MAKE) -s -C daemon install DESTDIR=$(abspath $(STAGE))
	@install -d $(STAGE)/usr/lib/harp $(STAGE)/usr/bin
	@install -m 755 selftests/tools/harp-compare $(STAGE)/usr/lib/harp/harp-compare
	@$(CC) -O2 -Wall -Wextra -Werror -Wno-format-truncation -pthread \
		-o $(STAGE)/usr/bin/harp-client selftests/tools/harp-client.c

dkms-install:
	rm -rf $(DKMS_SRC)
	install -d $(DKMS_SRC)
	cp -r kmod uapi dkms.conf $(DKMS_SRC)
	dkms add harp/$(VERSION)
	dkms install harp/$(VERSION)

check:
	@scripts/deps build lab test style
	@$(MAKE) stage
	@scripts/ring check

check-unit check-fuzz check-model: check-%:
	@scripts/deps build test
	@scripts/ring $*

# What can be said without running anything: checkpatch, sparse, formats, documents.
style check-style:
	@scripts/deps build lab style
	@scripts/ring style

check-kunit:
	@scripts/deps lab
	@scripts/ring kunit

check-vm check-cluster: check-%:
	@scripts/deps build lab
	@$(MAKE) stage
	@scripts/ring $*

demo demo-killer-packet:
	@scripts/deps build lab
	@$(MAKE) stage
	@scripts/demo $(if $(filter demo-%,$@),--killer-packet)

bench:
	@scripts/deps lab
	@selftests/bench/run

# A few seconds for ten thousand of them; HARP_VSR_TRACE=1 SEEDS=N tells the story of one.
simulate:
	@scripts/deps build
	@$(if $(SEEDS),,$(error SEEDS=FROM or SEEDS=FROM-TO: which schedules))$(MAKE) -s -C daemon -j$(JOBS) simulate SEEDS='$(SEEDS)'

torture:
	@scripts/deps lab
	@selftests/one/torture $(SEED:%=--seed %) $(SECONDS:%=--seconds %)

nemesis:
	@scripts/deps build lab
	@$(MAKE) stage
	@selftests/cluster/nemesis $(RUNS:%=--runs %) $(SEED:%=--seed %)

clean:
	rm -rf $(OUT)
