/* SPDX-License-Identifier: GPL-2.0 */
/* Configuration files: any bytes are read or refused with a line, never worse (I9). */
#include "config/group.hh"
#include "config/node.hh"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace harp::config;
    std::string text(reinterpret_cast<const char *>(data), size);
    auto doc = parse_document("f", text);
    if (!doc) {
        if (doc.error().text.rfind("f:", 0) != 0) {
            abort(); /* a refusal without its line */
        }
        return 0;
    }
    (void)read_node(*doc, "host");
    auto g = read_group(*doc);
    if (!g && g.error().text.rfind("f:", 0) != 0) {
        abort();
    }
    return 0;
}
