/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HARP_PORT_LINUX_SLAB_H
#define HARP_PORT_LINUX_SLAB_H

#include "../port_kernel.h"

#endif /* HARP_PORT_LINUX_SLAB_H */
