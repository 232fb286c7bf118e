#include "appserver-sdk/src/request_record.hpp"

#include <algorithm>
#include <cstring>

#include "trunkline/protocol/ascii.hpp"

namespace trunkline {
namespace {

std::size_t bytes_of(const protocol::StringMap& map) {
    std::size_t bytes = 0;
    map.for_each([&](std::string_view name, std::string_view value) { bytes += name.size() + value.size(); });
    return bytes;
}

Opened opened_by(protocol::OpenReason why) noexcept {
    switch (why) {
        case protocol::OpenReason::migrated: return Opened::migrated;
        case protocol::OpenReason::resumed: return Opened::resumed;
        default: return Opened::fresh;
    }
}

}  // namespace

RequestRecord::RequestRecord(const protocol::Open& open) {
    std::size_t header_count = 0;
    std::size_t header_bytes = 0;
    open.headers.for_each([&](std::string_view name, const protocol::StringList& values) {
        header_count += values.size();
        header_bytes += name.size();
        values.for_each([&](std::string_view value) { header_bytes += value.size(); });
    });
    std::size_t group_bytes = 0;
    open.groups.for_each([&](std::string_view group) { group_bytes += group.size(); });
    const std::string_view open_user = open.user.value_or(std::string_view{});
    block_.reset(new char[open.connection_id.size() + open_user.size() + open.query.size() + open.peer_address.size() +
                          open.path.size() + open.subprotocol.size() + open.host.size() + header_bytes + group_bytes +
                          bytes_of(open.claims) + bytes_of(open.path_parameters)]);
    next_ = block_.get();

    id = keep(open.connection_id);
    user = keep(open_user);
    query = keep(open.query);
    remote_address = keep(open.peer_address);
    path = keep(open.path);
    subprotocol = keep(open.subprotocol);
    host = keep(open.host);
    headers.reserve(header_count);
    open.headers.for_each([&](std::string_view header_name, const protocol::StringList& values) {
        const auto name = keep(header_name);
        values.for_each([&](std::string_view value) { headers.push_back({name, keep(value)}); });
    });
    const auto keep_all = [this](const protocol::StringMap& map, std::vector<NameValue>& into) {
        into.reserve(map.size());
        map.for_each([&](std::string_view name, std::string_view value) {
            const auto kept = keep(name);
            into.push_back({kept, keep(value)});
        });
    };
    keep_all(open.claims, claims);
    keep_all(open.path_parameters, path_parameters);
    groups.reserve(open.groups.size());
    open.groups.for_each([this](std::string_view group) { groups.push_back(keep(group)); });
    opened = opened_by(open.why);
}

bool RequestRecord::offers(std::string_view wanted) const noexcept {
    for (const auto& header : headers) {
        if (!protocol::equal_ignoring_case(header.name, "Sec-WebSocket-Protocol")) continue;
        for (auto rest = header.value; !rest.empty();) {
            auto one = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(one.size() + 1, rest.size()));
            while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
            while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
            if (one == wanted) return true;
        }
    }
    return false;
}

std::string_view RequestRecord::keep(std::string_view text) {
    if (text.empty()) return {};
    std::memcpy(next_, text.data(), text.size());
    const std::string_view kept(next_, text.size());
    next_ += text.size();
    return kept;
}

std::string_view find_value(const std::vector<NameValue>& entries, std::string_view name) noexcept {
    for (const auto& entry : entries) {
        if (entry.name == name) return entry.value;
    }
    return {};
}

std::string_view find_value_ignoring_case(const std::vector<NameValue>& entries, std::string_view name) noexcept {
    for (const auto& entry : entries) {
        if (protocol::equal_ignoring_case(entry.name, name)) return entry.value;
    }
    return {};
}

}  // namespace trunkline
