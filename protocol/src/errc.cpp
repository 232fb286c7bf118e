#include "trunkline/protocol/errc.hpp"

#include <string>

namespace trunkline::protocol {
namespace {

class Category final : public boost::system::error_category {
  public:
    const char* name() const noexcept override { return "trunkline.protocol"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::bad_length_prefix: return "illegal length prefix";
            case errc::frame_too_large: return "frame larger than the limit";
            case errc::truncated: return "frame ends inside a value";
            case errc::bad_type: return "value of the wrong type";
            case errc::out_of_range: return "number out of range";
            case errc::missing_field: return "required field missing";
            case errc::too_deep: return "nested too deeply";
            case errc::bad_ack: return "acknowledgement of bytes that were not sent";
            case errc::over_limit: return "frame sent above the announced limit";
            case errc::unexpected_frame: return "frame not expected here";
            case errc::bad_chan: return "chan out of order or never opened";
            case errc::bad_offset: return "offset does not fit";
            case errc::version_mismatch: return "peer does not speak protocol version 1";
            case errc::not_native: return "peer sent no announcement";
            case errc::bad_key: return "peer does not hold the link key";
            case errc::refused: return "refused by the peer";
            case errc::lane_refused: return "lane refused by the peer";
            case errc::unknown_pool: return "pool unknown to the peer";
            case errc::offset_refused: return "peer cannot go on from our offset";
        }
        return "unknown protocol error";
    }
};

}  // namespace

const boost::system::error_category& protocol_category() noexcept {
    static const Category category;
    return category;
}

boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), protocol_category()}; }

}  // namespace trunkline::protocol
