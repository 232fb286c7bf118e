#include "frame_writer.hpp"

namespace trunkline::protocol {

void write_extension(FrameWriter& frame, const ExtensionFields& extension) {
    frame.map(std::size_t{extension.tracing_id.has_value()} + extension.ttl_seconds.has_value() +
              extension.protocol.has_value() + extension.filter.has_value() + extension.data_type.has_value() +
              extension.is_partial.has_value() + extension.hello.has_value());
    if (extension.tracing_id) frame.uint(1), frame.uint(*extension.tracing_id);
    if (extension.ttl_seconds) frame.uint(2), frame.integer(*extension.ttl_seconds);
    if (extension.protocol) frame.uint(3), frame.str(*extension.protocol);
    if (extension.filter) frame.uint(4), frame.str(*extension.filter);
    if (extension.data_type) frame.uint(5), frame.integer(*extension.data_type);
    if (extension.is_partial) frame.uint(6), frame.boolean(*extension.is_partial);
    if (extension.hello) frame.uint(100), frame.raw(*extension.hello);
}

}  // namespace trunkline::protocol
