#include <trunkline/error.hpp>

#include <string>

#include "trunkline/protocol/link_key.hpp"

namespace trunkline {
namespace {

class Category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "trunkline"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::would_block: return "no room now, wait until it is writable";
            case errc::closed: return "it has ended";
            case errc::not_accepted: return "the connection was not accepted yet";
            case errc::already_answered: return "the connection was answered before";
            case errc::too_large: return "larger than a proxy takes";
            case errc::not_utf8: return "text that is not UTF-8";
            case errc::bad_close_code: return "not a close code that an app may use";
            case errc::bad_refusal: return "neither an HTTP status 400-499 nor a close code";
            case errc::reason_too_long: return "a close reason of more than 123 bytes";
            case errc::bad_name: return "an empty name";
            case errc::not_offered: return "a sub-protocol that the client did not offer";
            case errc::unknown_connection: return "no linked proxy can have a connection of that id";
            case errc::not_connected: return "no proxy is linked";
            case errc::bad_address: return "neither tcp://address:port nor unix:///path";
            case errc::link_key_required: return "a TCP address off loopback needs a link key";
            case errc::bad_link_key:
                return "the link key cannot be read, or is not " + std::string(protocol::kLinkKeyForm);
            case errc::already_running: return "the app server was run before";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

}  // namespace trunkline
