# SPDX-License-Identifier: GPL-2.0
#
# Compile probes: what does this kernel have? Each probes/NAME.c becomes, in
# compat_config.h of the build directory, "#define HARP_HAVE_<NAME> 1" when it
# compiles and a comment when it does not. See README.
#
# Two more prove that the answers mean something: always_pass must compile and
# always_fail must not, or the build stops.

harp-probes := $(basename $(notdir $(wildcard $(harp-src)/compat/probes/*.c)))
harp-probe-results := $(addprefix compat/,$(addsuffix .probe,$(harp-probes)))
harp-config := $(obj)/compat/compat_config.h

harp-probe-flags = $(NOSTDINC_FLAGS) $(LINUXINCLUDE) \
	-include $(srctree)/include/linux/compiler_types.h \
	$(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) $(KBUILD_CFLAGS_MODULE) -DMODULE \
	-DKBUILD_MODNAME='"harp"' -DKBUILD_BASENAME='"probe"' \
	-Werror -Wno-unused -Wno-missing-prototypes -Wno-missing-declarations

quiet_cmd_harp_probe = PROBE   $(basename $(notdir $@))
      cmd_harp_probe = mkdir -p $(dir $@); \
	$(CONFIG_SHELL) $(harp-src)/compat/probe.sh $< $@ $(objtree)/Module.symvers \
	$(CC) $(harp-probe-flags)

quiet_cmd_harp_config = PROBES  $@
      cmd_harp_config = $(CONFIG_SHELL) $(harp-src)/compat/collect.sh $@ $(filter %.probe,$^)

$(obj)/compat/%.probe: $(harp-src)/compat/probes/%.c $(harp-src)/compat/probe.sh FORCE
	$(call if_changed,harp_probe)

$(harp-config): $(addprefix $(obj)/,$(harp-probe-results)) $(harp-src)/compat/collect.sh FORCE
	$(call if_changed,harp_config)

$(addprefix $(obj)/,$(harp-y) $(harp-m)): $(harp-config)

targets += $(harp-probe-results) compat/compat_config.h
clean-files += $(harp-probe-results) $(addsuffix .log,$(harp-probe-results)) compat/compat_config.h
