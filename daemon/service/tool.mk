# SPDX-License-Identifier: GPL-2.0
# out/daemon/harp-service: a group's service by hand (make -f daemon/service/tool.mk).
#	check-service	two of them with stock nfsd and clients, in one kernel
include $(dir $(lastword $(MAKEFILE_LIST)))../Makefile
.DEFAULT_GOAL := $(OUT)/harp-service
$(OUT)/harp-service: $(call obj,rel,$(SRC)/service/service_main.cc) $(call libs_for,rel,service net util)
	@echo "  LD      harp-service"
	@$(CXX) $(CXXFLAGS) $(OPT) -o $@ $^ $(LIBS)

.PHONY: check-service
check-service: $(OUT)/harp-service
	@cd $(TOP) && scripts/lab uml --disk 64M --timeout 600 -- \
		python3 daemon/tests/service_uml.py
