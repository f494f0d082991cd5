/* SPDX-License-Identifier: GPL-2.0 */
#include "config/node.hh"

#include "util/text.hh"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

namespace harp::config {

namespace {

bool is_address(const std::string &text) {
    struct in6_addr any {};
    return inet_pton(AF_INET, text.c_str(), &any) == 1 ||
           inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

} // namespace

result<node_config> read_node(const document &doc, const std::string &hostname) {
    complaints out(doc.file);
    table_reader r(doc.root, "the file", out);
    node_config c;
    c.name = r.string_or("name", hostname, "the name this machine has in group files");
    if (!is_name(c.name)) {
        r.wrong("name", fmt::format("found '{}', expected 1 to 32 of a-z, 0-9 and '-'", c.name));
    }
    for (const auto &[text, line] : r.strings("listen", false, "addresses of this machine")) {
        if (!is_address(text)) {
            out.add(line, fmt::format("listen: found '{}', expected an IP address", text));
        }
        c.listen.push_back(text);
    }
    c.control_port = static_cast<uint16_t>(
            r.integer_or("control_port", default_control_port, 1, 65535));
    c.record_port = static_cast<uint16_t>(
            r.integer_or("record_port", default_record_port, 1, 65535));
    c.log_level = r.choice("log_level", {"info", "error", "warning", "debug"}, false);
    if (const node *power = r.subtable("power", false)) {
        table_reader p(*power, "[power]", out);
        c.ups = p.choice("ups", {"low", "critical", "on-battery", "never"}, false);
        c.seal_at_shutdown = p.boolean_or("shutdown", true);
        p.finish();
    }
    c.panic_timeout = static_cast<int>(r.integer_or("panic_timeout", 10, 0, 600));
    c.keep_memory = r.boolean_or("keep_memory", true);
    r.finish();
    if (!out.empty()) {
        return out.to_failure();
    }
    return c;
}

result<node_config> load_node(const std::string &path) {
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    std::string short_name(host);
    short_name = short_name.substr(0, short_name.find('.'));
    auto doc = load_document(path);
    if (!doc && doc.error().code == ENOENT) {
        doc = parse_document(path, "");
    }
    if (!doc) {
        return doc.error();
    }
    return read_node(*doc, short_name);
}

} // namespace harp::config
