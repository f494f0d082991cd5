/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows that kernels differ. Included before everything else
 * in every file of the module (Kbuild), so that the sources read as if there were
 * only the newest kernel: what it has and an older one lacks is defined here, or in
 * a header of this folder that is included here, under #ifndef HARP_HAVE_*.
 */
#ifndef HARP_COMPAT_H
#define HARP_COMPAT_H

#include "compat_config.h"

#include "memory.h"

#endif /* HARP_COMPAT_H */
