#include "appserver-sdk/src/core/links.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "net/resolve.hpp"
#include "trunkline/protocol/link_key.hpp"

namespace trunkline {
namespace {

constexpr std::ptrdiff_t kMaxHandshakes = 1024;  // links that have not attached a lane yet

}  // namespace

Links::Links(net::Loop& loop, const Options& options, const protocol::Hello& own_hello, Admission& admission,
             const Log& log)
    : loop_(loop), options_(options), own_hello_(own_hello), admission_(admission), log_(log) {}

std::error_code Links::load_key() {
    std::string content = options_.link_key;
    if (content.empty()) {
        if (options_.link_key_file.empty()) return {};
        // To read what is no regular file might take for ever.
        std::error_code ec;
        if (!std::filesystem::is_regular_file(options_.link_key_file, ec)) return errc::bad_link_key;
        std::ifstream file(options_.link_key_file, std::ios::binary);
        content.resize(protocol::kMaxLinkKeyFile + 1);
        file.read(content.data(), static_cast<std::streamsize>(content.size()));
        content.resize(static_cast<std::size_t>(file.gcount()));
    }
    if (!protocol::has_link_key(content)) return errc::bad_link_key;
    key_ = protocol::trim_link_key(content);
    return {};
}

Result<std::string> Links::listen(std::string_view address) {
    if (key_.empty()) {
        if (const auto ec = load_key()) return ec;
    }
    const auto parsed = net::Endpoint::parse(address);
    const auto where = parsed ? net::resolve_without_lookup(parsed.value()) : std::nullopt;
    if (!where) return errc::bad_address;
    net::LinkKey key{key_, !where->is_local()};
    if (key.required && key.secret.empty()) return errc::link_key_required;
    auto listener = LinkListener::open(
        loop_, *where, [this, key = std::move(key)](net::ByteStream stream) { on_accepted(std::move(stream), key); });
    if (!listener) return listener.error();
    listeners_.push_back(std::move(listener).value());
    return listeners_.back()->address();
}

void Links::on_accepted(net::ByteStream stream, const net::LinkKey& key) {
    // A peer that connects and is silent has a descriptor until its handshake times out. Such peers must not take all
    // descriptors.
    const auto is_unattached = [](const auto& entry) { return !entry.second->is_attached(); };
    const bool was_turning_away =
        std::exchange(is_turning_away_, std::count_if(links_.begin(), links_.end(), is_unattached) >= kMaxHandshakes);
    if (is_turning_away_) {
        if (was_turning_away) return;  // logged once
        return log_.write(LogLevel::warning, "links are turned away: too many have begun and not attached a lane");
    }
    const net::LinkTimes times{options_.limits.handshake_timeout, options_.limits.link_silence, options_.linger};
    auto handshake = IncomingLink::Handshake{own_hello_, key, times};
    auto link = std::make_unique<IncomingLink>(loop_, std::move(stream), handshake, *this, admission_, log_);
    IncomingLink& started = *link;
    links_.emplace(link.get(), std::move(link));
    started.start();
}

void Links::remove(IncomingLink& link) {
    const auto found = links_.find(&link);
    if (found == links_.end()) return;
    loop_.bury(std::move(found->second));
    links_.erase(found);
}

void Links::clear() {
    stop_listening();
    links_.clear();
}

}  // namespace trunkline
