#pragma once

#include <boost/system/error_code.hpp>

namespace trunkline::protocol {

/// Why bytes were refused. Each value has a sentence (`message()`), which is what logs show; none ever quotes a
/// payload.
enum class errc {
    // Frames on a link (SPEC.md "Framing", "MessagePack")
    bad_length_prefix = 1,  ///< a VarInt of more than five bytes or above 2^31-1
    frame_too_large,        ///< a frame longer than the receiver's limit
    truncated,              ///< the frame ends inside a value
    bad_type,               ///< a value of another MessagePack type than the field's
    out_of_range,           ///< a number outside the field's range
    missing_field,          ///< an array shorter than the fields that have no default
    too_deep,               ///< nesting beyond the reader's limit
    // Lanes (SPEC.md "Offsets", "Limits")
    bad_ack,           ///< acknowledges bytes that were not sent
    over_limit,        ///< a sequenced frame that begins at or above the announced limit
    unexpected_frame,  ///< a frame that has no place in this state or direction
    bad_chan,          ///< opens a chan out of order, or names one above the highest opened
    bad_offset,        ///< an Attach or Attached that does not fit what is known
    // Links (SPEC.md "Handshake")
    version_mismatch,  ///< the peer does not speak version 1
    not_native,        ///< the peer sent no announcement
    bad_key,           ///< the announcement is not signed with our link key
    refused,           ///< the peer refused this link
    lane_refused,      ///< the peer refused to attach this lane (Attached 3)
    unknown_pool,      ///< the peer does not know this pool (any more)
    offset_refused,    ///< the peer cannot go on from our offset, and has ended the pool
};

const boost::system::error_category& protocol_category() noexcept;
boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace trunkline::protocol

template <>
struct boost::system::is_error_code_enum<trunkline::protocol::errc> : std::true_type {};
