/* SPDX-License-Identifier: GPL-2.0 */
#include "bus/vtable.h"

/*
 * Reading is for everybody. Methods without UNPRIVILEGED need CAP_SYS_ADMIN of the
 * caller (sd-bus checks), beside what the bus's policy file says.
 */
const sd_bus_vtable harp_bus_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", harp_bus_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_METHOD_WITH_ARGS("Status", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json),
				harp_bus_status, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GroupCreate", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", json),
				harp_bus_group_create, 0),
	SD_BUS_METHOD_WITH_ARGS("GroupDelete", SD_BUS_ARGS("s", name, "b", force),
				SD_BUS_NO_RESULT, harp_bus_group_delete, 0),
	SD_BUS_METHOD_WITH_ARGS("Switchover", SD_BUS_ARGS("s", name, "s", to), SD_BUS_NO_RESULT,
				harp_bus_switchover, 0),
	SD_BUS_METHOD_WITH_ARGS("LogSkip", SD_BUS_ARGS("s", name, "at", records, "b", ask_only),
				SD_BUS_NO_RESULT, harp_bus_log_skip, 0),
	SD_BUS_SIGNAL_WITH_ARGS("StatusChanged", SD_BUS_NO_ARGS, 0),
	SD_BUS_SIGNAL_WITH_ARGS("Event", SD_BUS_ARGS("s", json), 0),
	SD_BUS_VTABLE_END,
};
