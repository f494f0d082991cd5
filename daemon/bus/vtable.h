/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vtable of org.harp.Harp1. In C, because sd-bus's initialisers do not compile as
 * C++; the methods are in server.cc.
 */
#ifndef HARP_BUS_VTABLE_H
#define HARP_BUS_VTABLE_H

#include <systemd/sd-bus.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const sd_bus_vtable harp_bus_vtable[];

int harp_bus_status(sd_bus_message *m, void *userdata, sd_bus_error *error);
int harp_bus_group_create(sd_bus_message *m, void *userdata, sd_bus_error *error);
int harp_bus_group_delete(sd_bus_message *m, void *userdata, sd_bus_error *error);
int harp_bus_switchover(sd_bus_message *m, void *userdata, sd_bus_error *error);
int harp_bus_log_skip(sd_bus_message *m, void *userdata, sd_bus_error *error);
int harp_bus_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		     sd_bus_message *reply, void *userdata, sd_bus_error *error);

#ifdef __cplusplus
}
#endif

#endif /* HARP_BUS_VTABLE_H */
